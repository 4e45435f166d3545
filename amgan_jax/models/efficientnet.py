"""EfficientNet-Lite as a classifier, whose ImageNet weights `pretrained.py` loads."""

from collections.abc import Sequence
import functools
import math
import operator
from typing import Any, ClassVar, cast

import flax.linen as nn
import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from amgan_jax.models import layers
from amgan_jax.models.classifiers import Classification

OUTPUT_STRIDES = (8, 16, 32)
# Blocks, kernel, stride, expansion and channels of each stage of B0 (Tan and Le 2019, table 1).
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM_CHANNELS, LAST_CHANNELS = 32, 1280
_INIT = nn.initializers.he_normal()
_EPSILON = 1e-3  # of batch norms, as the weights were trained with


class EfficientNetLite(nn.Module):
    """EfficientNet (Tan and Le 2019) without squeeze-and-excitation and with ReLU6 for swish; see its subclasses.

    Stem, last convolution, and the number of blocks of the first and the last stage are B0's
    in all sizes. Without the dropout and the stochastic depth of training on ImageNet. The
    weights want (pixel - 127) / 128, from which images in [-1, 1] differ by less than 0.008.

    Attributes:
      width, depth: how many times B0's channels and blocks a stage has.
      value_counts: `Schema.value_counts`; V is their sum.
      output_stride: image pixels a pixel of the last feature map, of OUTPUT_STRIDES; stages
        that would go beyond it are applied at every pixel. Changes no parameter.
      axis_name: mapped axis over which batch statistics are averaged, None outside of one.
    """

    width: ClassVar[float]
    depth: ClassVar[float]
    value_counts: Sequence[int]
    output_stride: int
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(self, image_BxHxWx3: jax.Array, train: bool = False) -> Classification:
        """Classifies images in [-1, 1]. With train, batch statistics are used and updated."""
        shared = {"train": train, "dtype": self.dtype, "axis_name": self.axis_name}
        x = image_BxHxWx3.astype(self.dtype)
        x = jax.nn.relu6(_ConvNorm(STEM_CHANNELS, 3, stride=2, name="stem", **shared)(x))
        reached, block, feature_maps = 2, 0, []
        for stage, (blocks, kernel, stride, expansion, channels) in enumerate(STAGES):
            if 0 < stage < len(STAGES) - 1:
                blocks = math.ceil(self.depth * blocks)
            channels = multiple_of_8(self.width * channels)
            dense = reached * stride > self.output_stride
            if dense:
                stride = 1
            reached *= stride
            for i in range(blocks):
                block_stride = stride if i == 0 else 1
                block_dense = dense and i == 0
                x = _Block(channels, kernel, block_stride, block_dense, expansion, name=f"block_{block}", **shared)(x)
                block += 1
            feature_maps.append(x)
        x = jax.nn.relu6(_ConvNorm(LAST_CHANNELS, 1, name="last", **shared)(x))
        feature_maps.append(x)
        return Classification(nn.Dense(sum(self.value_counts), name="head")(layers.spatial_mean(x)), feature_maps)


class EfficientNetLite0(EfficientNetLite):
    """4.7 million parameters with the head for ImageNet."""

    width, depth = 1.0, 1.0


class EfficientNetLite2(EfficientNetLite):
    """6.1 million parameters with the head for ImageNet, and twice the operations of Lite0."""

    width, depth = 1.1, 1.2


ARCHITECTURES = {"efficientnet_lite0": EfficientNetLite0, "efficientnet_lite2": EfficientNetLite2}


def multiple_of_8(channels: float) -> int:
    """The number of channels that a stage has: the multiple of 8 nearest to a scaled one."""
    return int(channels + 4) // 8 * 8


class _Block(nn.Module):
    """Inverted residual block (Sandler et al. 2018): expand, filter each channel, project."""

    channels: int
    kernel: int
    stride: int
    dense: bool
    expansion: int
    train: bool
    dtype: Any
    axis_name: str | None

    @nn.compact
    def __call__(self, x):
        shared = {"train": self.train, "dtype": self.dtype, "axis_name": self.axis_name}
        width, h = self.expansion * x.shape[-1], x
        if self.expansion > 1:
            h = jax.nn.relu6(_ConvNorm(width, 1, name="expand", **shared)(h))
        depthwise = _ConvNorm(
            width, self.kernel, stride=self.stride, depthwise=True, dense=self.dense, name="depthwise", **shared
        )
        h = jax.nn.relu6(depthwise(h))
        h = _ConvNorm(self.channels, 1, name="project", **shared)(h)
        return x + h if x.shape == h.shape else h


class _ConvNorm(nn.Module):
    """Convolution with 'SAME' padding, as the weights were trained with, and batch norm."""

    features: int
    kernel: int
    train: bool
    dtype: Any
    axis_name: str | None
    stride: int = 1
    depthwise: bool = False
    dense: bool = False

    @nn.compact
    def __call__(self, x):
        if self.depthwise:
            x = _DepthwiseConv(self.kernel, self.stride, self.dense, self.dtype, name="conv")(x)
        else:
            weights = layers.Weights(self.features, self.kernel, False, _INIT, self.dtype, name="conv")
            kernel, _ = weights(x.shape[-1])
            x = layers.convolve(x, kernel, self.stride)
        return layers.batch_norm(self.train, self.dtype, self.axis_name, epsilon=_EPSILON, name="norm")(x)


class _DepthwiseConv(nn.Module):
    """Filters each channel by itself: a sum of shifted products, not a grouped convolution.

    On a CPU, a training step with XLA's grouped convolutions takes four times as long.

    Attributes:
      dense: whether it is a kernel of stride 2 that is applied at every pixel (stride is 1). Its middle is between
        two pixels, so it is applied half a pixel before and half a pixel behind each, and the mean taken: at
        whole pixels, features would be half a pixel off what they see.
    """

    kernel: int
    stride: int
    dense: bool
    dtype: Any

    @nn.compact
    def __call__(self, x):
        kernel = self.param("kernel", _INIT, (self.kernel, self.kernel, 1, x.shape[-1]))
        window, strides = (self.kernel, self.kernel), (self.stride, self.stride)
        size = tuple(-(-n // self.stride) * self.stride + self.dense for n in x.shape[1:3])
        pads = lax.padtype_to_pads(x.shape[1:3], window, strides, "SAME")
        pads = tuple((low, high + self.dense) for low, high in pads)
        total = cast(jax.Array, _filter(x, kernel, self.stride, size, pads))
        if self.dense:
            total = nn.avg_pool(total, window_shape=(2, 2))
        return total.astype(self.dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _filter(x_BxHxWxC, kernel_kxkx1xC, stride, size, pads):
    """Each stride-th pixel of the first `size` pixels of a padded map, filtered: at least float32.

    On a CPU, XLA's derivative of a sum of shifted products, a sum of padded ones, takes three times as long as
    another sum of shifted products.
    """
    padded = jnp.pad(x_BxHxWxC, [(0, 0), *pads, (0, 0)])
    return _sum_of_shifted(padded, kernel_kxkx1xC, stride, size)


def _filter_forward(x, kernel, stride, size, pads):
    return _filter(x, kernel, stride, size, pads), (x, kernel)


def _filter_backward(stride, size, pads, saved, dy):
    x, kernel = saved
    taps = kernel.shape[0]
    edges = []
    for n, m, (low, _) in zip(x.shape[1:3], dy.shape[1:3], pads, strict=True):
        before, spread = taps - 1 - low, stride * (m - 1) + 1
        edges.append((before, n + low - spread, stride - 1))
    spread_dy = lax.pad(dy, jnp.zeros((), dy.dtype), [(0, 0, 0), *edges, (0, 0, 0)])
    dx = _sum_of_shifted(spread_dy, kernel[::-1, ::-1], 1, x.shape[1:3])
    padded = jnp.pad(x, [(0, 0), *pads, (0, 0)])
    by_rows = functools.partial(_kernel_gradient_by_rows, taps=taps, stride=stride)
    at_once = functools.partial(_kernel_gradient_at_once, taps=taps, stride=stride)
    return dx.astype(x.dtype), lax.platform_dependent(padded, dy, cpu=by_rows, default=at_once)


_filter.defvjp(_filter_forward, _filter_backward)


def _kernel_gradient_at_once(padded_BxHxWxC, dy_BxhxwxC, taps, stride):
    """The gradient of `_filter` to its kernel, [taps, taps, 1, C] of the type of dy."""
    kernel = jnp.zeros((taps, taps, 1, dy_BxhxwxC.shape[-1]), dy_BxhxwxC.dtype)
    size = tuple(stride * n for n in dy_BxhxwxC.shape[1:3])
    return jax.vjp(lambda kernel: _sum_of_shifted(padded_BxHxWxC, kernel, stride, size), kernel)[1](dy_BxhxwxC)[0]


def _kernel_gradient_by_rows(padded_BxHxWxC, dy_BxhxwxC, taps, stride):
    """The same, row after row of the map, in sums over nothing but rows: ten times as fast on a CPU, for which XLA
    vectorizes sums of maps and not sums over a map's pixels."""
    b, h, w, c = dy_BxhxwxC.shape

    def add_row(n, total):
        image, y = n // h, n % h
        dy_wxC = lax.dynamic_slice(dy_BxhxwxC, (image, y, 0, 0), (1, 1, w, c))[0, 0]
        rows = lax.dynamic_slice(padded_BxHxWxC, (image, stride * y, 0, 0), (1, taps, padded_BxHxWxC.shape[2], c))[0]
        shifted = (rows[i, j : j + stride * w : stride] for i, j in np.ndindex(taps, taps))
        return tuple(sum_wxC + x * dy_wxC for sum_wxC, x in zip(total, shifted, strict=True))

    total = lax.fori_loop(0, b * h, add_row, (jnp.zeros((w, c), dy_BxhxwxC.dtype),) * taps**2)
    return jnp.stack([jnp.sum(sum_wxC, axis=0) for sum_wxC in total]).reshape(taps, taps, 1, c)


def _sum_of_shifted(padded, kernel, stride, size):
    """Sum over a kernel's taps of the map from there on, times the tap."""
    (height, width), terms = size, []
    for i, j in np.ndindex(kernel.shape[:2]):
        shifted = padded[:, i : i + height : stride, j : j + width : stride]
        terms.append(shifted * kernel[i, j])  # float32, as the accumulators of a convolution
    return functools.reduce(operator.add, terms)
