"""The discriminator, used twice: for the whole image and for the region of an attribute."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from amgan_jax.models import layers


class Discriminator(nn.Module):
    """PatchGAN critic with a score map and attribute logits (StarGAN, Choi et al. 2018).

    No normalisation: the gradient penalty is a property of each example by itself.

    Attributes:
      width: channels after the first layer; doubled by each further one.
      layers: downsamplings by 2.
      value_count: V, the number of attribute logits.
    """

    width: int
    layers: int
    value_count: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, image_BxHxWx3):
        """Returns (scores [B, h, w, 1], attribute logits [B, V]), float32, of an image in [-1, 1]."""
        x = image_BxHxWx3.astype(self.dtype)
        for i in range(self.layers):
            x = nn.leaky_relu(layers.Downsample(self.width * 2**i, dtype=self.dtype)(x), 0.2)
        scores = layers.Conv(1, dtype=self.dtype)(x)
        logits = nn.Dense(self.value_count, dtype=self.dtype)(x.reshape(x.shape[0], -1))
        return scores.astype(jnp.float32), logits.astype(jnp.float32)
