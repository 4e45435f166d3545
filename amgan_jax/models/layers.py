"""Blocks that the networks share. Images are NHWC; parameters are float32 whatever `dtype` says."""

from collections.abc import Callable
import functools
import operator
from typing import Any

import flax.linen as nn
import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from amgan_jax.models import bilinear

Dtype = Any


class Conv(nn.Module):
    """Square convolution with 'SAME' padding; its parameters have the names of `nn.Conv` within a module."""

    features: int
    kernel: int = 3
    stride: int = 1
    use_bias: bool = True
    kernel_init: Callable = nn.initializers.he_normal()
    dtype: Dtype = jnp.float32

    def __call__(self, x: jax.Array) -> jax.Array:
        kernel, bias = self.weights(x.shape[-1])
        y = convolve(x.astype(self.dtype), kernel, self.stride)
        return y if bias is None else y + bias

    @nn.compact
    def weights(self, channels: int) -> tuple[jax.Array, jax.Array | None]:
        """The parameters for an input of so many channels, see `Weights`."""
        return Weights(self.features, self.kernel, self.use_bias, self.kernel_init, self.dtype, name="Conv_0")(channels)


class Weights(nn.Module):
    """A convolution's parameters under the names of `nn.Conv`."""

    features: int
    kernel: int
    use_bias: bool
    kernel_init: Callable
    dtype: Dtype

    @nn.compact
    def __call__(self, channels: int) -> tuple[jax.Array, jax.Array | None]:
        """Returns (kernel [k, k, channels, features], bias [features] or None) as `dtype`."""
        kernel = self.param("kernel", self.kernel_init, (self.kernel, self.kernel, channels, self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,)) if self.use_bias else None
        return jax.tree.map(lambda x: x.astype(self.dtype), (kernel, bias))


def convolve(x: jax.Array, kernel: jax.Array, stride: int = 1) -> jax.Array:
    """Convolution of [B, H, W, C] with a kernel [k, k, C, F] and 'SAME' padding: [B, H / stride, W / stride, F].

    Where a matrix product does the same, it is one: XLA for CPUs is several times faster at those.
    """
    size = kernel.shape[0]
    if size == 1:
        return jnp.dot(x[:, ::stride, ::stride], kernel[0, 0])
    # In bfloat16, each of the four products would be rounded.
    if size == 2 and stride == 1 and max(x.shape[1:3]) <= 4 and x.dtype != jnp.bfloat16:
        return _convolve_by_taps(x, kernel)
    return lax.conv_general_dilated(x, kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _convolve_by_taps(x, kernel):
    """`convolve` with a 2 x 2 kernel as a sum of four products: its gradients need no reversed copy of the kernel,
    which on a map of a few pixels is larger than all else."""

    def product(i, j):
        return jnp.pad(jnp.dot(x[:, i:, j:], kernel[i, j]), ((0, 0), (0, i), (0, j), (0, 0)))

    return functools.reduce(operator.add, (product(i, j) for i, j in np.ndindex(2, 2)))


class Downsample(nn.Module):
    """Halves height and width: space to depth, then a 2 x 2 convolution.

    It sees 4 x 4 pixels, as a strided convolution does, one to the right and below; its second derivative,
    which the gradient penalty needs, has no dilated convolution: on a CPU it takes a
    fifth of the time.
    """

    features: int
    use_bias: bool = True
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        b, h, w, c = x.shape
        x = x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5)
        return Conv(self.features, 2, use_bias=self.use_bias, dtype=self.dtype)(x.reshape(b, h // 2, w // 2, 4 * c))


class ConditionalNorm(nn.Module):
    """Instance norm whose scale and bias are an affine function of the condition [B, C].

    A zero condition gives a plain instance norm with a learned scale and bias.
    """

    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, condition: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        modulation = nn.Dense(2 * channels, kernel_init=nn.initializers.normal(0.05), dtype=self.dtype)(condition)
        scale, bias = jnp.split(modulation[:, None, None, :], 2, axis=-1)
        return _modulated_norm(x.astype(self.dtype), scale, bias)


@jax.custom_vjp
def _modulated_norm(x_BxHxWxC, scale_Bx1x1xC, bias_Bx1x1xC):
    """(x - mean) / deviation * (1 + scale) + bias over each example's pixels (Ulyanov et al. 2016), as one x * a + b.

    With the gradient written out, forward and backward read x once for the statistics and once for the result;
    XLA's own derivative of the statistics goes over the map several times more. Computed in float32 at least.
    """
    return _modulated_norm_forward(x_BxHxWxC, scale_Bx1x1xC, bias_Bx1x1xC)[0]


def _modulated_norm_forward(x, scale, bias):
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    mean = jnp.mean(wide, axis=(1, 2), keepdims=True)
    variance = jnp.maximum(jnp.mean(jnp.square(wide), axis=(1, 2), keepdims=True) - jnp.square(mean), 0.0)
    rate = lax.rsqrt(variance + 1e-6)
    a = rate * (1.0 + scale)
    return (wide * a + (bias - mean * a)).astype(x.dtype), (x, mean, rate, scale)


def _modulated_norm_backward(saved, dy):
    x, mean, rate, scale = saved
    centred, wide_dy = x - mean, dy.astype(mean.dtype)
    dbias = jnp.sum(wide_dy, axis=(1, 2), keepdims=True)
    dscale = rate * jnp.sum(wide_dy * centred, axis=(1, 2), keepdims=True)
    # What of dy would move the mean or the deviation is taken out.
    pixels = x.shape[1] * x.shape[2]
    dx = rate * (1.0 + scale) * (wide_dy - dbias / pixels - centred * (rate * dscale / pixels))
    return dx.astype(x.dtype), dscale.astype(scale.dtype), dbias.astype(scale.dtype)


_modulated_norm.defvjp(_modulated_norm_forward, _modulated_norm_backward)


class SubPixelUpsample(nn.Module):
    """Doubles height and width: a convolution to 4 x features, then depth to space.

    Without a bias: a norm follows, which would take it out again.
    The four kernels of an output pixel start out equal (ICNR, Aitken et al. 2017), so
    that no checkerboard is there to be unlearnt.
    """

    features: int
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        def icnr(key, shape, dtype=jnp.float32):
            kernel = nn.initializers.he_normal()(key, (*shape[:-1], shape[-1] // 4), dtype)
            return jnp.tile(kernel, (1, 1, 1, 4))

        x = Conv(4 * self.features, use_bias=False, kernel_init=icnr, dtype=self.dtype)(x)
        b, h, w, _ = x.shape
        x = x.reshape(b, h, w, 2, 2, self.features).transpose(0, 1, 3, 2, 4, 5)
        return x.reshape(b, 2 * h, 2 * w, self.features)


def batch_norm(
    train: bool, dtype: Dtype, axis_name: str | None, epsilon: float = 1e-5, name: str | None = None
) -> nn.BatchNorm:
    """Batch norm; with train by the batch's statistics over axis_name, else by running averages.

    The averages forget within 60 updates, as trainings of classifiers are short.
    """
    return nn.BatchNorm(
        use_running_average=not train,
        momentum=0.95,
        epsilon=epsilon,
        dtype=dtype,
        axis_name=axis_name if train else None,
        name=name,
    )


def resize(x_BxHxWxC: jax.Array, size: tuple[int, int]) -> jax.Array:
    """Bilinear, antialiased, to (height, width). As matrix products, which every export format has."""
    rows, columns = (
        bilinear.weights(*sizes).astype(x_BxHxWxC.dtype) for sizes in zip(x_BxHxWxC.shape[1:3], size, strict=True)
    )
    return jnp.einsum("ih,bhwc,jw->bijc", rows, x_BxHxWxC, columns, precision=lax.Precision.HIGHEST)


def inverse_3x3(matrix: jax.Array) -> jax.Array:
    """Of symmetric matrices [..., 3, 3], by Cramer's rule: arithmetic, which every export has."""
    first, second, third = (matrix[..., i, :] for i in range(3))
    minors = jnp.stack([jnp.cross(second, third), jnp.cross(third, first), jnp.cross(first, second)], axis=-2)
    return minors / jnp.sum(first * minors[..., 0, :], axis=-1)[..., None, None]


def spatial_mean(features_BxHxWxC: jax.Array) -> jax.Array:
    """Global average pooling, float32 [B, C]."""
    return jnp.mean(features_BxHxWxC.astype(jnp.float32), axis=(1, 2))
