"""An edit of a small image, carried up to the picture that the image was made from.

In small windows of the image, the change is fitted as an affine function of the colours, and it is
that function which is applied to the large picture (the fast guided filter, He and Sun 2015,
https://arxiv.org/abs/1505.00996). So a change ends where the picture's own edges are, and cloth keeps
its threads. What colours do not explain, such as stripes that appear, is carried up bilinearly: the two are
mixed by the share of the change's variance that the function explains.
"""

from typing import NamedTuple

import numpy as np

from amgan_jax.models import bilinear as bilinear_lib

_RADIUS = 1  # of the windows, pixels of the small image
_RIDGE = 0.003  # variance of colours in [-1, 1] below which they are taken to explain little
_HALF_LEVEL = 1.0 / 255.0  # of the 256 grey levels, of colours in [-1, 1]
_STRIP = 1 << 16  # pixels of the picture at once: they stay in a processor's cache


class Affine(NamedTuple):
    """The change of each pixel as a function of its colour: color @ slope + offset, all in [-1, 1].

    slope: float32 [H, W, 3, 3], by colour channel and channel of the change. offset: float32 [H, W, 3].
    """

    slope: np.ndarray
    offset: np.ndarray


def fit(image_HxWx3: np.ndarray, change_HxWx3: np.ndarray) -> Affine:
    """The change of an image [H, W, 3] in [-1, 1] as a function of its colours, as far as they explain it.

    Pixels that change by less than half a grey level count as unchanged.
    """
    changed = np.any(np.abs(change_HxWx3) >= _HALF_LEVEL, axis=-1, keepdims=True)
    change = np.where(changed, change_HxWx3, 0.0).astype(np.float32)
    colors, changes = _windows(image_HxWx3), _windows(change)
    color, mean_change = colors.mean(axis=-1, keepdims=True), changes.mean(axis=-1, keepdims=True)
    colors, changes = colors - color, changes - mean_change
    covariance = colors @ colors.swapaxes(-1, -2) / colors.shape[-1]
    together = colors @ changes.swapaxes(-1, -2) / colors.shape[-1]
    slope = np.linalg.solve(covariance + _RIDGE * np.eye(3, dtype=np.float32), together)
    offset = (mean_change - slope.swapaxes(-1, -2) @ color)[..., 0]
    variance, missed = _variance(changes), _variance(changes - slope.swapaxes(-1, -2) @ colors)
    explained = ((variance - missed) / (variance + _HALF_LEVEL**2))[..., None]
    return Affine(explained[..., None] * slope, explained * offset + (1.0 - explained) * change)


def carry(small_HxWx3: np.ndarray, edited_HxWx3: np.ndarray, large_hxwx3: np.ndarray) -> np.ndarray:
    """The edit of a small image, made in a larger one: float32 [h, w, 3]; all are in [-1, 1]."""
    levels = np.round((large_hxwx3 + 1.0) * 127.5).astype(np.uint8)
    change = apply(fit(small_HxWx3, edited_HxWx3 - small_HxWx3), levels).astype(np.float32) - levels
    return np.clip(large_hxwx3 + change / 127.5, -1.0, 1.0)


def bilinear(change_HxWx3: np.ndarray) -> Affine:
    """The change as it is, whatever the colours."""
    return Affine(np.zeros((*change_HxWx3.shape, 3), np.float32), change_HxWx3)


def apply(affine: Affine, pixels_hxwx3: np.ndarray) -> np.ndarray:
    """Changes a picture uint8 [h, w, 3] of any size by the functions of a small image, which cover it evenly.

    Takes the memory of the result, of as many floats as its width times 12 times the image's height, and of a strip.
    """
    h, w = pixels_hxwx3.shape[:2]
    slope, offset = affine
    height, width = offset.shape[:2]
    # In grey levels: 127.5 * ((p / 127.5 - 1) @ slope + offset).
    offset = 127.5 * (offset - slope.sum(axis=2))
    terms = np.concatenate([slope, offset[:, :, None]], axis=2).reshape(height, width, 12)
    terms = np.einsum("wj,ijt->itw", bilinear_lib.weights(width, w), terms, optimize=True)
    rows_hxH = bilinear_lib.weights(height, h)
    result = np.empty_like(pixels_hxwx3)
    step = max(1, _STRIP // w)
    for top in range(0, h, step):
        strip = slice(top, top + step)
        near = np.flatnonzero(rows_hxH[strip].any(axis=0))
        near = slice(near[0], near[-1] + 1)
        slopes = np.tensordot(rows_hxH[strip, near], terms[near], 1).reshape(-1, 4, 3, w)
        result[strip] = _apply_to_strip(slopes, pixels_hxwx3[strip])
    return result


def _apply_to_strip(terms_sx4x3xw, pixels_sxwx3):
    """Pixels plus their change, where the last of the four terms is the offset."""
    colors_sx3xw = pixels_sxwx3.transpose(0, 2, 1).astype(np.float32)
    large = terms_sx4x3xw[:, 3] + colors_sx3xw
    for channel in range(3):
        large += terms_sx4x3xw[:, channel] * colors_sx3xw[:, channel, None]
    return np.clip(np.round(large, out=large), 0, 255).transpose(0, 2, 1)


def _windows(image_HxWx3):
    """The window around each pixel, whose edge pixels stand for those beyond: [H, W, 3, window's pixels]."""
    side = 2 * _RADIUS + 1
    padded = np.pad(image_HxWx3, ((_RADIUS, _RADIUS), (_RADIUS, _RADIUS), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(0, 1))
    return windows.reshape(*image_HxWx3.shape, side * side)


def _variance(deviations_HxWx3xN):
    """Of each window, over all channels: [H, W]."""
    return np.square(deviations_HxWx3xN).sum(axis=-2).mean(axis=-1)
