"""Blocks that the networks share. Images are NHWC; parameters are float32 whatever `dtype` says."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

Dtype = Any


class Conv(nn.Module):
    """Square convolution with 'SAME' padding."""

    features: int
    kernel: int = 3
    stride: int = 1
    use_bias: bool = True
    kernel_init: Callable = nn.initializers.he_normal()
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x):
        return nn.Conv(
            self.features,
            (self.kernel, self.kernel),
            strides=(self.stride, self.stride),
            use_bias=self.use_bias,
            kernel_init=self.kernel_init,
            dtype=self.dtype,
        )(x)


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
    def __call__(self, x):
        b, h, w, c = x.shape
        x = x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5)
        return Conv(self.features, 2, use_bias=self.use_bias, dtype=self.dtype)(x.reshape(b, h // 2, w // 2, 4 * c))


class ConditionalNorm(nn.Module):
    """Instance norm whose scale and bias are an affine function of the condition [B, C].

    A zero condition gives a plain instance norm with a learned scale and bias.
    """

    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x, condition):
        channels = x.shape[-1]
        x = nn.InstanceNorm(use_scale=False, use_bias=False, dtype=self.dtype)(x)
        modulation = nn.Dense(2 * channels, kernel_init=nn.initializers.normal(0.05), dtype=self.dtype)(condition)
        scale, bias = jnp.split(modulation[:, None, None, :], 2, axis=-1)
        return x * (1.0 + scale) + bias


class SubPixelUpsample(nn.Module):
    """Doubles height and width: a convolution to 4 x features, then depth to space.

    Without a bias: a norm follows, which would take it out again.
    The four kernels of an output pixel start out equal (ICNR, Aitken et al. 2017), so
    that no checkerboard is there to be unlearnt.
    """

    features: int
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x):
        def icnr(key, shape, dtype=jnp.float32):
            kernel = nn.initializers.he_normal()(key, (*shape[:-1], shape[-1] // 4), dtype)
            return jnp.tile(kernel, (1, 1, 1, 4))

        x = Conv(4 * self.features, use_bias=False, kernel_init=icnr, dtype=self.dtype)(x)
        b, h, w, _ = x.shape
        x = x.reshape(b, h, w, 2, 2, self.features).transpose(0, 1, 3, 2, 4, 5)
        return x.reshape(b, 2 * h, 2 * w, self.features)


def batch_norm(train: bool, dtype: Dtype, axis_name: str | None, epsilon: float = 1e-5, name: str | None = None):
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


def spatial_mean(features_BxHxWxC):
    """Global average pooling, float32 [B, C]."""
    return jnp.mean(features_BxHxWxC.astype(jnp.float32), axis=(1, 2))
