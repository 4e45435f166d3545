"""The generator: an image and an edit in, the edited image and the attention mask out."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from amgan_jax.models import layers


class Generator(nn.Module):
    """Encoder, conditioned residual blocks, decoder with skips, and a colour and a mask head.

    The backbone is StarGAN's (Choi et al. 2018), the mask GANimation's (Pumarola et
    al. 2018, eq. 1). Conditioned is the difference of target and source (STGAN, Liu et
    al. 2019) through the norms, so that no change asked for is a zero condition. The colour head
    says by how much a pixel changes and starts at zero: training starts from the identity.

    Attributes:
      width: channels at full resolution; doubled by each of the two downsamplings.
      blocks: residual blocks at a quarter of the resolution.
      first_kernel, head_kernel: sizes of the full-resolution convolutions (7 in StarGAN).
      skips: whether the decoder sees the encoder's features of the same resolution.
      mask: whether there is a mask head; without one the colour head is the whole result.
      mask_bias: initial bias of the mask's logit.
    """

    width: int
    blocks: int
    first_kernel: int
    head_kernel: int
    skips: bool
    mask: bool
    mask_bias: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, image_BxHxWx3, condition_BxV):
        """Returns (edited [B, H, W, 3] in [-1, 1], mask [B, H, W, 1] in [0, 1]), both float32.

        Args:
          image_BxHxWx3: float32 in [-1, 1]; H and W divisible by 4.
          condition_BxV: float32 in [-1, 1], see `labels.difference`.
        """
        # All but the heads are followed by a norm, which would take a bias out again.
        conv = functools.partial(layers.Conv, use_bias=False, dtype=self.dtype)
        down = functools.partial(layers.Downsample, use_bias=False, dtype=self.dtype)
        head = functools.partial(layers.Conv, kernel=self.head_kernel, dtype=self.dtype)
        norm = lambda x: layers.ConditionalNorm(dtype=self.dtype)(x, condition)  # noqa: E731
        condition = condition_BxV.astype(self.dtype)
        x = image_BxHxWx3.astype(self.dtype)

        x = skip_full = nn.relu(norm(conv(self.width, self.first_kernel)(x)))
        x = skip_half = nn.relu(norm(down(2 * self.width)(x)))
        x = nn.relu(norm(down(4 * self.width)(x)))
        for _ in range(self.blocks):
            h = nn.relu(norm(conv(4 * self.width)(x)))
            x = x + norm(conv(4 * self.width)(h))
        for features, skip in ((2 * self.width, skip_half), (self.width, skip_full)):
            x = layers.SubPixelUpsample(features, dtype=self.dtype)(x)
            if self.skips:
                x = conv(features, 1)(jnp.concatenate([x, skip], axis=-1))
            x = nn.relu(norm(x))

        change = head(3, kernel_init=nn.initializers.zeros)(x).astype(jnp.float32)
        color = jnp.clip(image_BxHxWx3 + 2.0 * jnp.tanh(change), -1.0, 1.0)
        if not self.mask:
            return color, jnp.ones_like(color[..., :1])
        logit = head(1)(x).astype(jnp.float32) + self.mask_bias
        mask = jax.nn.sigmoid(logit)
        return mask * color + (1.0 - mask) * image_BxHxWx3, mask
