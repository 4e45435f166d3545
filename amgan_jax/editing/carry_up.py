"""An edit of a small image, carried up to the picture that the image was made from.

An edit paints colours through a mask. In small windows of the image, both are fitted as affine functions of the
image's colours, and it is those functions that are applied to the large picture (the fast guided filter, He and Sun
2015, https://arxiv.org/abs/1505.00996). So what is painted ends where the picture's own edges are, and cloth keeps
its threads. What colours do not explain, such as stripes that appear, is carried up bilinearly: the two are
mixed by the share of the variance that the function explains.
"""

import functools
from typing import NamedTuple

import numpy as np

from amgan_jax.models import bilinear as bilinear_lib

_RADIUS = 1  # of the windows, pixels of the small image
_PIXELS = (2 * _RADIUS + 1) ** 2  # of a window
# Variances of colours in [-1, 1] below which they are taken to explain little. Folds and threads vary less than the
# first, so that paint does not wash them out.
_PAINT_RIDGE, _MASK_RIDGE = 0.02, 0.003
_CONTRAST = 2.0  # of the mask, as means over windows are soft
_OPEN = 0.6  # masks at least so open show what was painted; below it, it is taken from their neighbours
_HALF_LEVEL = 1.0 / 255.0  # of the 256 grey levels, of colours in [-1, 1]
_STRIP = 1 << 13  # pixels of the picture at once: they stay in a processor's cache
_TERMS = 16  # of a pixel's functions


class Affine(NamedTuple):
    """What is painted at each pixel, and through which mask, as functions of its colour.

    A pixel changes by clip(color @ mask_slope + mask_offset, 0, 1) * (color @ slope + offset), all colours in [-1, 1].

    slope: float32 [H, W, 3, 3], by colour channel and channel of the change. offset: float32 [H, W, 3].
    mask_slope: float32 [H, W, 3]. mask_offset: float32 [H, W, 1].
    """

    slope: np.ndarray
    offset: np.ndarray
    mask_slope: np.ndarray
    mask_offset: np.ndarray


def fit(image_HxWx3: np.ndarray, change_HxWx3: np.ndarray, mask_HxWx1: np.ndarray) -> Affine:
    """The change of an image as functions of its colours, as far as they explain it.

    Pixels that change by less than half a grey level count as unchanged.

    Args:
      image_HxWx3: in [-1, 1].
      change_HxWx3: by how much each pixel changes.
      mask_HxWx1: in [0, 1], how far each pixel was painted.
    """
    changed = np.any(np.abs(change_HxWx3) >= _HALF_LEVEL, axis=-1, keepdims=True)
    paint = _paint(np.where(changed, change_HxWx3, 0.0).astype(np.float32), mask_HxWx1)
    # A little of every pixel, for windows in which nothing was painted.
    slope, offset = _fit(image_HxWx3, paint, mask_HxWx1 + 1e-3, _PAINT_RIDGE)
    mask_slope, mask_offset = _fit(image_HxWx3, mask_HxWx1, np.ones_like(mask_HxWx1), _MASK_RIDGE)
    mask_slope, mask_offset = (_sums(x) / _PIXELS for x in (mask_slope[..., 0], mask_offset))
    return Affine(slope, offset, _CONTRAST * mask_slope, 0.5 + _CONTRAST * (mask_offset - 0.5))


def carry(
    small_HxWx3: np.ndarray, edited_HxWx3: np.ndarray, mask_HxWx1: np.ndarray, large_hxwx3: np.ndarray
) -> np.ndarray:
    """The edit of a small image, made in a larger one: float32 [h, w, 3]; images are in [-1, 1], masks in [0, 1]."""
    levels = np.round((large_hxwx3 + 1.0) * 127.5).astype(np.uint8)
    affine = fit(small_HxWx3, edited_HxWx3 - small_HxWx3, mask_HxWx1)
    change = apply(affine, levels).astype(np.float32) - levels
    return np.clip(large_hxwx3 + change / 127.5, -1.0, 1.0)


def bilinear(change_HxWx3: np.ndarray) -> Affine:
    """The change as it is, whatever the colours."""
    nothing, opened = np.zeros((*change_HxWx3.shape, 3), np.float32), np.ones_like(change_HxWx3[..., :1])
    return Affine(nothing, change_HxWx3, nothing[..., 0], opened)


def apply(affine: Affine, pixels_hxwx3: np.ndarray) -> np.ndarray:
    """Changes a picture uint8 [h, w, 3] of any size by the functions of a small image, which cover it evenly.

    Takes the memory of the result, of as many floats as its width times 16 times the image's height, and of a strip.
    """
    h, w = pixels_hxwx3.shape[:2]
    terms = _of_levels(affine)
    height, width = terms.shape[:2]
    terms = np.einsum("wj,ijt->itw", bilinear_lib.weights(width, w), terms, optimize=True)
    rows_hxH = bilinear_lib.weights(height, h)
    result = np.empty_like(pixels_hxwx3)
    step = max(1, _STRIP // w)
    for top in range(0, h, step):
        strip = slice(top, top + step)
        near = np.flatnonzero(rows_hxH[strip].any(axis=0))
        near = slice(near[0], near[-1] + 1)
        functions = np.tensordot(rows_hxH[strip, near], terms[near], 1)
        result[strip] = _apply_to_strip(functions, pixels_hxwx3[strip])
    return result


def _paint(change, mask):
    """By how much pixels would change behind a mask that is open, where it is shut as their neighbours: [H, W, 3]."""
    near = _sums(change * mask) / (_sums(mask * mask) + 1e-3)
    shown = np.square(np.minimum(mask / _OPEN, 1.0))
    return shown * change / np.maximum(mask, 0.05) + (1.0 - shown) * near


def _fit(image, value_HxWxC, weight_HxWx1, ridge):
    """In each window, the affine function of colours that fits best, mixed with the value itself.

    Returns (slope [H, W, 3, C], offset [H, W, C]).
    """
    weight = _sums(weight_HxWx1)

    def mean(x):
        return _sums(weight_HxWx1 * x) / weight

    def covariance(x, y, x_mean, y_mean):
        h, w, channels = *x.shape[:2], x.shape[2] * y.shape[2]
        together = mean((x[..., :, None] * y[..., None, :]).reshape(h, w, channels))
        return together.reshape(h, w, x.shape[2], y.shape[2]) - x_mean[..., :, None] * y_mean[..., None, :]

    color, value = mean(image), mean(value_HxWxC)
    together = covariance(image, value_HxWxC, color, value)
    of_colors = covariance(image, image, color, color) + ridge * np.eye(3, dtype=np.float32)
    slope = np.linalg.solve(of_colors, together)
    offset = value - (slope.swapaxes(-1, -2) @ color[..., None])[..., 0]
    variance = np.maximum(mean(np.square(value_HxWxC)) - np.square(value), 0.0).sum(axis=-1)
    # A ridge regression leaves the variance without slope * together and without the ridge times slope squared.
    found = (slope * together).sum(axis=(2, 3)) + ridge * np.square(slope).sum(axis=(2, 3))
    explained = (found / (variance + _HALF_LEVEL**2))[..., None]
    return explained[..., None] * slope, explained * offset + (1.0 - explained) * value_HxWxC


def _of_levels(affine):
    """Functions of grey levels, not of colours in [-1, 1], which give changes in levels: [H, W, 16].

    For each of four terms, those of the channels red, green and blue and the constant: of the three channels of the
    change, then of the mask.
    """
    slope, offset, mask_slope, mask_offset = affine
    # 127.5 * ((p / 127.5 - 1) @ slope + offset), and (p / 127.5 - 1) @ mask_slope + mask_offset.
    offset = 127.5 * (offset - slope.sum(axis=2))
    mask_offset = mask_offset - mask_slope.sum(axis=-1, keepdims=True)
    change = np.concatenate([slope, offset[:, :, None]], axis=2)
    mask = np.concatenate([mask_slope / 127.5, mask_offset], axis=2)
    return np.concatenate([change, mask[..., None]], axis=3).reshape(*mask.shape[:2], _TERMS)


def _apply_to_strip(functions_sx16xw, pixels_sxwx3):
    """Pixels plus their change, as `_of_levels` orders it."""
    colors_sx3xw = pixels_sxwx3.transpose(0, 2, 1).astype(np.float32)
    by_term = functions_sx16xw.reshape(len(functions_sx16xw), 4, 4, -1)
    change = by_term[:, 3]
    for channel in range(3):
        change += by_term[:, channel] * colors_sx3xw[:, channel, None]
    large = change[:, :3] * np.clip(change[:, 3:], 0.0, 1.0)
    large += colors_sx3xw
    return np.clip(np.round(large, out=large), 0, 255).transpose(0, 2, 1)


def _sums(image_HxWxC):
    """Over the window around each pixel, whose edge pixels stand for those beyond: [H, W, C]."""
    h, w = image_HxWxC.shape[:2]
    padded = np.pad(image_HxWxC, ((_RADIUS, _RADIUS), (_RADIUS, _RADIUS), (0, 0)), mode="edge")
    rows = functools.reduce(np.add, [padded[i : i + h] for i in range(2 * _RADIUS + 1)])
    return functools.reduce(np.add, [rows[:, i : i + w] for i in range(2 * _RADIUS + 1)])
