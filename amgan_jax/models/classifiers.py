"""Classifiers of attributes: the attention network, which says where it saw a value, and the evaluator's plain one."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from amgan_jax.models import layers


class Classification(NamedTuple):
    """What a classifier returns.

    logits: float32 [B, V].
    feature_maps: [B, h, w, C] each, from the stem's side to the head's; the last is what the head pools.
    foreground: float32 [B, H, W, 1], logits of where the garment is; None without a `foreground.WithForeground`.
    """

    logits: jax.Array
    feature_maps: list[jax.Array]
    foreground: jax.Array | None = None


class ResNet(nn.Module):
    """Residual network, global average pooling, one linear head over all values.

    Attributes:
      value_counts: `Schema.value_counts`; V is their sum.
      widths, strides: channels and stride of each stage of two residual blocks.
      stem_stride: stride of the first convolution.
      axis_name: mapped axis over which batch statistics are averaged, None outside of one.
    """

    value_counts: Sequence[int]
    widths: Sequence[int]
    strides: Sequence[int]
    stem_stride: int
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(self, image_BxHxWx3: jax.Array, train: bool = False) -> Classification:
        """Classifies images in [-1, 1]. With train, batch statistics are used and updated."""
        norm = lambda: layers.batch_norm(train, self.dtype, self.axis_name)  # noqa: E731
        x = image_BxHxWx3.astype(self.dtype)
        x = layers.Conv(self.widths[0], 3, self.stem_stride, use_bias=False, dtype=self.dtype)(x)
        x = nn.relu(norm()(x))
        feature_maps = []
        for width, stage_stride in zip(self.widths, self.strides, strict=True):
            for stride in (stage_stride, 1):
                h = layers.Conv(width, 3, stride, use_bias=False, dtype=self.dtype)(x)
                h = layers.Conv(width, 3, use_bias=False, dtype=self.dtype)(nn.relu(norm()(h)))
                if x.shape != h.shape:
                    x = norm()(layers.Conv(width, 1, stride, use_bias=False, dtype=self.dtype)(x))
                x = nn.relu(x + norm()(h))
            feature_maps.append(x)
        return Classification(nn.Dense(sum(self.value_counts), name="head")(layers.spatial_mean(x)), feature_maps)


class PlainConvNet(nn.Module):
    """VGG-like network: no residuals, max pooling, a hidden layer over mean and maximum.

    The evaluator's architecture, as different as can be from the attention network
    that the generator is trained against. Attributes as in ResNet; a stage is two
    convolutions and a 2 x 2 max pooling.
    """

    value_counts: Sequence[int]
    widths: Sequence[int]
    hidden: int
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(self, image_BxHxWx3: jax.Array, train: bool = False) -> Classification:
        """Classifies images in [-1, 1]. With train, batch statistics are used and updated."""
        x = image_BxHxWx3.astype(self.dtype)
        feature_maps = []
        for width in self.widths:
            for _ in range(2):
                x = layers.Conv(width, use_bias=False, dtype=self.dtype)(x)
                x = nn.relu(layers.batch_norm(train, self.dtype, self.axis_name)(x))
            x = nn.max_pool(x, window_shape=(2, 2), strides=(2, 2))
            feature_maps.append(x)
        x = x.astype(jnp.float32)
        x = jnp.concatenate([jnp.mean(x, axis=(1, 2)), jnp.max(x, axis=(1, 2))], axis=-1)
        x = nn.relu(nn.Dense(self.hidden)(x))
        return Classification(nn.Dense(sum(self.value_counts))(x), feature_maps)


def stack(feature_maps: Sequence[jax.Array], stages: Sequence[int]) -> jax.Array:
    """Feature maps of some stages, one over the other: float32 [B, h, w, C], as large as the first stage's.

    Each pixel of a stage has unit length over its channels, as in LPIPS (Zhang et al. 2018): no stage drowns the
    others, and the whole is about as large as an image in [-1, 1], for which the discriminators' losses are weighed.
    """
    size = feature_maps[stages[0]].shape[1:3]
    stacked = []
    for stage in stages:
        x = feature_maps[stage].astype(jnp.float32)
        x *= jax.lax.rsqrt(jnp.sum(jnp.square(x), axis=-1, keepdims=True) + 1e-6)
        stacked.append(jax.image.resize(x, (x.shape[0], *size, x.shape[-1]), "bilinear"))
    return jnp.concatenate(stacked, axis=-1)
