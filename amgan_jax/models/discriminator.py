"""The discriminator, used twice: for the whole image and for the region of an attribute."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from amgan_jax.models import layers


class Discriminator(nn.Module):
    """PatchGAN critic with a score map and attribute logits (StarGAN, Choi et al. 2018).

    With projection, the score also says how well the image fits the values that it should have (Miyato and
    Koyama 2018, eq. 4): the score is learnt from edits always, the logits where their loss sees edits.

    No normalisation: the gradient penalty is a property of each example by itself.

    Attributes:
      width: channels after the first layer; doubled by each further one.
      layers: downsamplings by 2.
      projection: whether the score depends on the values asked for.
      value_count: V, the number of attribute logits.
    """

    width: int
    layers: int
    projection: bool
    value_count: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, view_BxHxWxC: jax.Array, values_BxV: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns (scores [B, h, w, 1], attribute logits [B, V]), float32.

        Args:
          view_BxHxWxC: an image in [-1, 1], or the attention network's features of it.
          values_BxV: float32, the values that it should have, see `encoding.one_hot`.
        """
        x = view_BxHxWxC.astype(self.dtype)
        for i in range(self.layers):
            x = nn.leaky_relu(layers.Downsample(self.width * 2**i, dtype=self.dtype)(x), 0.2)
        scores = layers.Conv(1, dtype=self.dtype)(x)
        x = x.reshape(x.shape[0], -1)
        logits = nn.Dense(self.value_count, dtype=self.dtype)(x)
        if self.projection:
            fit_BxV = nn.Dense(self.value_count, use_bias=False, dtype=self.dtype)(x)
            scores += jnp.sum(fit_BxV * values_BxV, axis=-1)[:, None, None, None]
        return scores.astype(jnp.float32), logits.astype(jnp.float32)
