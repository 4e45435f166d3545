"""Where an edit of an attribute belongs: the one rule, for training, editing and measures."""

from collections.abc import Sequence
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

_REACH = 1 / 16  # of the image's height: what a part may stand out of the foreground


class Seen(NamedTuple):
    """Of an image: where its values are seen, and where the garment is.

    maps: float32 [B, H, W, A] in [0, 1], see `activation_maps`.
    foreground: float32 [B, H, W, 1] in [0, 1]; None where the attention network has no head for it.
    """

    maps: jax.Array
    foreground: jax.Array | None


def regions(this: Seen, other: Seen, whole_A: Sequence[bool]) -> jax.Array:
    """The regions of edits in an image: float32 [B, H, W, A] in [0, 1].

    Of an attribute of the whole garment, it is the image's foreground. Of any other, and where no foreground is
    known, it is the larger of two activation maps, each within reach of the foreground of its own image: a long
    sleeve is outside of a sleeveless garment's.

    Args:
      this: of the image, with its own values.
      other: of one that has the other values: a reference or the edited image.
      whole_A: which attributes are of the whole garment.
    """
    parts = jnp.maximum(_bounded(this), _bounded(other))
    if this.foreground is None:
        return parts
    return jnp.where(jnp.asarray(whole_A), this.foreground, parts)


def largest(regions_BxHxWxA: jax.Array, some_BxA: jax.Array) -> jax.Array:
    """The largest of some attributes' regions or masks: [B, H, W, 1]."""
    return jnp.max(regions_BxHxWxA * some_BxA[:, None, None], axis=-1, keepdims=True)


def _bounded(seen):
    if seen.foreground is None:
        return seen.maps
    reach = max(1, round(_REACH * seen.maps.shape[1]))
    window = (2 * reach + 1, 2 * reach + 1)
    return seen.maps * nn.max_pool(seen.foreground, window, padding="SAME")
