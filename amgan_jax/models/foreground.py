"""Where the garment is: a head over the feature maps of any classifier, whose answer is sharpened on the image."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from amgan_jax.models import layers
from amgan_jax.models.classifiers import Classification

_WIDTH, _FINE_WIDTH = 32, 8  # channels, at the finest stage's and at the image's size
_RADIUS = 1 / 12  # of the windows in which it is sharpened, of the image's height
_RIDGE = 0.01  # variance of colours in [-1, 1] below which they are taken to explain little


class WithForeground(nn.Module):
    """A classifier with a foreground head, whose parameters stand beside the classifier's own, as `foreground`."""

    classifier: nn.Module
    dtype: Any
    axis_name: str | None

    def setup(self) -> None:
        nn.share_scope(self, self.classifier)
        self.foreground = _Head(self.dtype, self.axis_name)

    def __call__(self, image_BxHxWx3: jax.Array, train: bool = False) -> Classification:
        """As the classifier, with `foreground`."""
        classification = self.classifier(image_BxHxWx3, train)
        logits = self.foreground(classification.feature_maps, image_BxHxWx3, train)
        return classification._replace(foreground=logits)


class _Head(nn.Module):
    """All stages, brought to the finest size and summed, then four pixels for each of that, beside the image."""

    dtype: Any
    axis_name: str | None

    @nn.compact
    def __call__(self, feature_maps: Sequence[jax.Array], image_BxHxWx3: jax.Array, train: bool) -> jax.Array:
        """Logits float32 [B, H, W, 1]."""
        norm = lambda: layers.batch_norm(train, self.dtype, self.axis_name)  # noqa: E731
        (b, height, width, _), (h, w) = image_BxHxWx3.shape, max(x.shape[1:3] for x in feature_maps)
        stages = [layers.Conv(_WIDTH, 1, use_bias=False, dtype=self.dtype)(x) for x in feature_maps]
        x = sum(layers.resize(x, (h, w)) for x in stages)
        x = nn.relu(norm()(x))
        x = nn.relu(norm()(layers.Conv(4 * _FINE_WIDTH, use_bias=False, dtype=self.dtype)(x)))
        x = x.reshape(b, h, w, 2, 2, _FINE_WIDTH).transpose(0, 1, 3, 2, 4, 5).reshape(b, 2 * h, 2 * w, _FINE_WIDTH)
        x = layers.resize(x, (height, width))
        # Pixels of their own, and not what four of them have in common, end at the garment's edge.
        x = jnp.concatenate([x, image_BxHxWx3.astype(x.dtype)], axis=-1)
        x = nn.relu(norm()(layers.Conv(_FINE_WIDTH, use_bias=False, dtype=self.dtype)(x)))
        return layers.Conv(1, dtype=self.dtype)(x).astype(jnp.float32)


def sharpen(foreground_BxHxWx1: jax.Array, image_BxHxWx3: jax.Array) -> jax.Array:
    """A foreground that ends where the image's own edges are.

    In windows of the image it is fitted as an affine function of the colours, and each pixel takes the mean of its
    windows' functions (the guided filter, He et al. 2013, eq. 11 to 16). As such means are soft, their contrast is
    doubled. All is arithmetic and matrix products, which every format that a system is exported to has.

    Args:
      foreground_BxHxWx1: float32 in [0, 1].
      image_BxHxWx3: float32 in [-1, 1].

    Returns:
      float32 [B, H, W, 1] in [0, 1].
    """
    b, h, w, _ = image_BxHxWx3.shape
    radius = max(1, round(_RADIUS * h))
    rows, columns = _windows(h, radius), _windows(w, radius)

    def mean(x):
        return jnp.einsum("ih,bhwc,jw->bijc", rows, x, columns, precision=jax.lax.Precision.HIGHEST)

    color, known = mean(image_BxHxWx3), mean(foreground_BxHxWx1)
    products = image_BxHxWx3[..., :, None] * image_BxHxWx3[..., None, :]
    covariance = mean(products.reshape(b, h, w, 9)).reshape(b, h, w, 3, 3) - color[..., :, None] * color[..., None, :]
    together = mean(image_BxHxWx3 * foreground_BxHxWx1) - color * known
    inverse = layers.inverse_3x3(covariance + _RIDGE * jnp.eye(3))
    slope = jnp.sum(together[..., None] * inverse, axis=-2)
    offset = known - jnp.sum(slope * color, axis=-1, keepdims=True)
    fitted = jnp.sum(mean(slope) * image_BxHxWx3, axis=-1, keepdims=True) + mean(offset)
    return jnp.clip(2.0 * fitted - 0.5, 0.0, 1.0)


def _windows(size, radius):
    """What takes the mean of the window around each of so many pixels, as far as there are pixels: [size, size]."""
    pixels = np.arange(size)
    inside = np.float32(np.abs(pixels[:, None] - pixels) <= radius)
    return inside / inside.sum(axis=1, keepdims=True)
