"""Edits of colour as one affine function of the image's colours: what has one colour gets one colour."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from amgan_jax.models import generator, layers, regions

_RIDGE = 0.1  # variance of colours in [-1, 1] below which all get the same change, so that cloth keeps its folds
_USUAL = 0.15  # distance from the function from which a pixel counts half as much
_SHUT = 0.05  # masks below it show nothing of what is painted
_ROUNDS = 5  # in which those that are far from it lose their say


class Affine(NamedTuple):
    """Functions of colours, one an image: color @ slope + offset.

    slope: float32 [B, 3, 3], by colour channel and channel of the value. offset: float32 [B, 1, 1, 3].
    """

    slope: jax.Array
    offset: jax.Array

    def __call__(self, image_BxHxWx3: jax.Array) -> jax.Array:
        """The functions' values at each pixel, float32 [B, H, W, 3]."""
        return jnp.einsum("bhwc,bcd->bhwd", image_BxHxWx3, self.slope, precision="highest") + self.offset


def fit(value_BxHxWx3: jax.Array, image_BxHxWx3: jax.Array, weight_BxHxWx1: jax.Array, ridge: float) -> Affine:
    """The functions that fit values best: ridge regression, as in the guided filter (He et al. 2013, eq. 5).

    Args:
      value_BxHxWx3: what to fit.
      image_BxHxWx3: the colours, in [-1, 1].
      weight_BxHxWx1: of each pixel, at least 0; an image that has none gets the function that is 0.
      ridge: variance of colours below which they are taken to explain little.
    """
    share = weight_BxHxWx1 / (jnp.sum(weight_BxHxWx1, axis=(1, 2, 3), keepdims=True) + 1e-6)

    def mean(x):
        return jnp.sum(share * x, axis=(1, 2), keepdims=True)

    def products(x, y):
        return jnp.einsum("bhwc,bhwd->bcd", share * x, y, precision="highest")

    color, value = mean(image_BxHxWx3), mean(value_BxHxWx3)
    away = image_BxHxWx3 - color
    inverse = layers.inverse_3x3(products(away, away) + ridge * jnp.eye(3))
    slope = jnp.einsum("bce,bed->bcd", inverse, products(away, value_BxHxWx3 - value), precision="highest")
    return Affine(slope, value - jnp.einsum("bhwc,bcd->bhwd", color, slope, precision="highest"))


def even(
    output: generator.Output, image_BxHxWx3: jax.Array, changed_BxA: jax.Array, recolors: Sequence[bool]
) -> jax.Array:
    """Edited images float32 [B, H, W, 3] whose changes of colour are one function of the image's colours each.

    The function is the one that most of what the generator painted there follows: patches that it missed or painted
    in another shade have little say (iteratively reweighted least squares). Where attributes that do not recolor
    are painted, edits stay as they are.

    Args:
      output: the generator's.
      image_BxHxWx3: what it edited, in [-1, 1].
      changed_BxA: 1 where the edit changes an attribute.
      recolors: of each attribute, whether its edits give one colour another.
    """
    recolored_A = np.asarray(recolors, np.float32)
    own = regions.largest(output.masks, changed_BxA * recolored_A)
    others = regions.largest(output.masks, changed_BxA * (1.0 - recolored_A))
    # Behind the mask, all that is painted shows: where it is open by half, half of it does, and counts a quarter.
    paint = (output.edited - image_BxHxWx3) / jnp.maximum(own, _SHUT)
    weight = known = jnp.square(own) * (1.0 - others)
    for _ in range(_ROUNDS):
        function = fit(paint, image_BxHxWx3, weight, _RIDGE)
        missed = jnp.square(own) * jnp.sum(jnp.square(paint - function(image_BxHxWx3)), axis=-1, keepdims=True)
        weight = known / (1.0 + missed / _USUAL**2)
    color = jnp.clip(image_BxHxWx3 + function(image_BxHxWx3), -1.0, 1.0)
    is_recolored = jnp.any(changed_BxA * recolored_A > 0.0, axis=1)[:, None, None, None]
    recolored = image_BxHxWx3 + own * (color - image_BxHxWx3)
    return jnp.where(is_recolored, others * output.edited + (1.0 - others) * recolored, output.edited)
