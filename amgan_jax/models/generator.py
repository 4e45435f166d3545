"""The generator: an image and an edit in, the edited image and the mask out."""

import functools
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from amgan_jax.models import layers


class Output(NamedTuple):
    """What a generator returns, float32.

    edited: [B, H, W, 3] in [-1, 1]. mask: [B, H, W, 1] in [0, 1], where it paints.
    masks: [B, H, W, M] in [0, 1], what the mask is made of: one an attribute (M = A), or the mask itself (M = 1).
    """

    edited: jax.Array
    mask: jax.Array
    masks: jax.Array


class Generator(nn.Module):
    """Encoder, conditioned residual blocks, decoder with skips, and a colour and a mask head.

    The backbone is StarGAN's (Choi et al. 2018), the mask GANimation's (Pumarola et
    al. 2018, eq. 1). The condition comes in through the norms. The colour head
    says by how much a pixel changes and starts at zero: training starts from the identity.

    Attributes:
      width: channels at full resolution; doubled by each of the two downsamplings.
      blocks: residual blocks at a quarter of the resolution.
      first_kernel, head_kernel: sizes of the full-resolution convolutions (7 in StarGAN).
      skips: whether the decoder sees the encoder's features of the same resolution.
      mask: where the mask comes from: "attributes", a head of one mask an attribute, which paint together where
        several change; "head", a head of one mask for all; "network", a network of its own like the one below the
        colour head (SaGAN, Zhang et al. 2018); "none", and the colour head is the whole result.
      mask_bias: initial bias of the masks' logits.
      whole: of each of the A attributes, whether its mask is the foreground, where that is told; only where mask is
        "attributes".
      sees_foreground: whether it looks at the foreground beside the image's pixels; 0 everywhere where it is not told.
    """

    width: int
    blocks: int
    first_kernel: int
    head_kernel: int
    skips: bool
    mask: str
    mask_bias: float
    whole: tuple[bool, ...]
    sees_foreground: bool
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        image_BxHxWx3: jax.Array,
        condition_BxC: jax.Array,
        changed_BxA: jax.Array,
        foreground_BxHxWx1: jax.Array | None = None,
    ) -> Output:
        """Edits images.

        Args:
          image_BxHxWx3: float32 in [-1, 1]; H and W divisible by 4.
          condition_BxC: float32 in [-1, 1], see `encoding.condition`.
          changed_BxA: float32, 1 where the edit changes an attribute, see `encoding.changed`.
          foreground_BxHxWx1: float32 in [0, 1], where the garment is; None where it is not known.
        """
        head = functools.partial(layers.Conv, kernel=self.head_kernel, dtype=self.dtype)
        seen = self._see(image_BxHxWx3, foreground_BxHxWx1)
        features = _features(self, seen, condition_BxC)
        color_head = head(3, kernel_init=nn.initializers.zeros)
        if self.mask in ("attributes", "head"):
            mask_head = head(len(self.whole) if self.mask == "attributes" else 1)
            change, logits = _apply_together((color_head, mask_head), features)
        else:
            change = color_head(features)
        color = _clip(image_BxHxWx3 + 2.0 * jnp.tanh(change.astype(jnp.float32)))
        if self.mask == "none":
            opened = jnp.ones_like(color[..., :1])
            return Output(color, opened, opened)
        if self.mask == "network":
            features = _features(self, seen, condition_BxC)
            logits = head(1)(features)
        masks = jax.nn.sigmoid(logits.astype(jnp.float32) + self.mask_bias)
        if foreground_BxHxWx1 is not None and self.mask == "attributes":
            masks = jnp.where(jnp.asarray(self.whole), foreground_BxHxWx1, masks)
        mask = _union(masks, changed_BxA) if self.mask == "attributes" else masks
        return Output(mask * color + (1.0 - mask) * image_BxHxWx3, mask, masks)

    def _see(self, image_BxHxWx3, foreground_BxHxWx1):
        """What the network looks at: the image, and with it the foreground, in [-1, 1] as well."""
        if not self.sees_foreground:
            return image_BxHxWx3
        if foreground_BxHxWx1 is None:
            return jnp.pad(image_BxHxWx3, [(0, 0)] * 3 + [(0, 1)])
        return jnp.concatenate([image_BxHxWx3, 2.0 * foreground_BxHxWx1 - 1.0], axis=-1)


def _apply_together(convs, features):
    """What two convolutions of the same size make of the same features, as one with the outputs of both.

    A convolution to one or three channels costs as much as one to many.
    """
    kernels, biases = zip(*(conv.weights(features.shape[-1]) for conv in convs), strict=True)
    both = layers.convolve(features, jnp.concatenate(kernels, axis=-1)) + jnp.concatenate(biases)
    return jnp.split(both, [convs[0].features], axis=-1)


def _union(masks_BxHxWxA, changed_BxA):
    """One mask [B, H, W, 1] of those of the attributes that change, as of independent events."""
    shut = 1.0 - masks_BxHxWxA * changed_BxA[:, None, None]
    return 1.0 - jnp.prod(shut, axis=-1, keepdims=True)


@jax.custom_vjp
def _clip(color):
    """Colours within [-1, 1], by projected gradient: that of a colour beyond is cut only where it leads further out."""
    return jnp.clip(color, -1.0, 1.0)


def _clip_forward(color):
    return _clip(color), color


def _clip_backward(color, gradient):
    leads_out = jnp.where(color > 1.0, gradient < 0.0, (color < -1.0) & (gradient > 0.0))
    return (jnp.where(leads_out, 0.0, gradient),)


_clip.defvjp(_clip_forward, _clip_backward)


def _features(generator, seen_BxHxWxC, condition_BxC):
    """Features [B, H, W, width + C] that heads look at; each call makes a network of its own.

    The last are what it sees: norms forget how bright and how colourful the image's pixels are.
    """
    # All but the heads are followed by a norm, which would take a bias out again.
    conv = functools.partial(layers.Conv, use_bias=False, dtype=generator.dtype)
    down = functools.partial(layers.Downsample, use_bias=False, dtype=generator.dtype)
    norm = lambda x: layers.ConditionalNorm(dtype=generator.dtype)(x, condition)  # noqa: E731
    condition = condition_BxC.astype(generator.dtype)
    x = seen = seen_BxHxWxC.astype(generator.dtype)
    width = generator.width

    x = skip_full = nn.relu(norm(conv(width, generator.first_kernel)(x)))
    x = skip_half = nn.relu(norm(down(2 * width)(x)))
    x = nn.relu(norm(down(4 * width)(x)))
    for _ in range(generator.blocks):
        h = nn.relu(norm(conv(4 * width)(x)))
        x = x + norm(conv(4 * width)(h))
    for features, skip in ((2 * width, skip_half), (width, skip_full)):
        x = layers.SubPixelUpsample(features, dtype=generator.dtype)(x)
        if generator.skips:
            x = conv(features, 1)(jnp.concatenate([x, skip], axis=-1))
        x = nn.relu(norm(x))
    return jnp.concatenate([x, seen], axis=-1)
