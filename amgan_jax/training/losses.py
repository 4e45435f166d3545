"""The losses: pure functions of network outputs.

Sums over a batch are divided by the whole batch, never by the number of known labels,
so that the mean over devices of these losses is the loss of the whole batch.
"""

from collections.abc import Callable, Sequence

import jax
from jax import lax
import jax.numpy as jnp
import optax

from amgan_jax import encoding
from amgan_jax.models import recolor as recolor_lib
from amgan_jax.types import Array, Metrics

_RIDGE = 1e-3  # beside variances of colours in [-1, 1]
Losses = tuple[jax.Array, Metrics]  # (total, named parts)


def weighted_sum(parts: dict[str, jax.Array], weights: dict[str, float]) -> Losses:
    """Total of the parts under their weights, and the parts as they are."""
    return sum((weights[name] * part for name, part in parts.items()), jnp.zeros(())), parts


def attribute_cross_entropy(logits_BxV: jax.Array, label_BxA: Array, value_counts: Sequence[int]) -> jax.Array:
    """Cross entropy of all attributes' heads: their sum, mean over the batch; unknown labels count as 0."""
    return value_cross_entropy(logits_BxV, encoding.one_hot(label_BxA, value_counts), value_counts)


def value_cross_entropy(logits_BxV: jax.Array, values_BxV: jax.Array, value_counts: Sequence[int]) -> jax.Array:
    """The same against probabilities [B, V] of values; an attribute that has none counts as 0."""
    logs = [jax.nn.log_softmax(logits, axis=-1) for logits in encoding.split_values(logits_BxV, value_counts)]
    return -jnp.mean(jnp.sum(values_BxV * jnp.concatenate(logs, axis=-1), axis=-1))


def foreground(logits_BxHxWx1: jax.Array, foreground_BxHxWx1: jax.Array) -> jax.Array:
    """Cross entropy of pixels, and one minus a soft intersection over union, mean over the batch.

    Args:
      logits_BxHxWx1: of the foreground.
      foreground_BxHxWx1: in [0, 1]; an image of which it is unknown (-1) counts as 0.
    """
    known_B = foreground_BxHxWx1[:, 0, 0, 0] >= 0.0
    truth, found = jnp.maximum(foreground_BxHxWx1, 0.0), jax.nn.sigmoid(logits_BxHxWx1)
    entropy_B = jnp.mean(optax.sigmoid_binary_cross_entropy(logits_BxHxWx1, truth), axis=(1, 2, 3))
    both_B = jnp.sum(found * truth, axis=(1, 2, 3))
    either_B = jnp.sum(found + truth - found * truth, axis=(1, 2, 3))
    return jnp.mean(jnp.where(known_B, entropy_B + 1.0 - both_B / (either_B + 1e-6), 0.0))


def critic(real_scores: jax.Array, fake_scores: jax.Array) -> jax.Array:
    """Wasserstein critic loss (Arjovsky et al. 2017)."""
    return jnp.mean(fake_scores) - jnp.mean(real_scores)


def gradient_penalty(score: Callable, real_BxHxWxC: jax.Array, fake_BxHxWxC: jax.Array, mix_B: jax.Array) -> jax.Array:
    """Mean of (|d score / d view| - 1)^2 between real and fake (Gulrajani et al. 2017, eq. 3).

    Args:
      score: function of views [B, H, W, C] to score maps [B, h, w, 1]; the critic's
        value of a view is its map's mean.
      real_BxHxWxC: what the discriminator sees of real images: the images in [-1, 1], or features.
      fake_BxHxWxC: likewise, of edited ones.
      mix_B: in [0, 1], how much of the real image is in the point where the gradient is taken.
    """
    mix = mix_B[:, None, None, None]
    between = mix * real_BxHxWxC + (1.0 - mix) * fake_BxHxWxC
    gradient = jax.grad(lambda view: jnp.sum(jnp.mean(score(view), axis=(1, 2, 3))))(between)
    # The offset keeps the square root twice differentiable where the gradient is zero.
    norm = jnp.sqrt(jnp.sum(jnp.square(gradient), axis=(1, 2, 3)) + 1e-12)
    return jnp.mean(jnp.square(norm - 1.0))


def absolute_error(a: jax.Array, b: jax.Array) -> jax.Array:
    """Mean |a - b|: the cycle loss (Zhu et al. 2017)."""
    return jnp.mean(jnp.abs(a - b))


def attention(masks_BxHxWxA: jax.Array, regions_BxHxWxA: jax.Array, changed_BxA: jax.Array) -> jax.Array:
    """Mean |mask - region| over pixels, sum over the attributes that change, mean over the batch."""
    error_BxA = jnp.mean(jnp.abs(masks_BxHxWxA - regions_BxHxWxA), axis=(1, 2))
    return jnp.mean(jnp.sum(error_BxA * changed_BxA, axis=-1))


def perceptual(features_BxC: jax.Array, reference_features_BxC: jax.Array) -> jax.Array:
    """Squared distance of spatially pooled features, relative to the reference's size, mean over the batch.

    Pooled, since an image and its reference are not aligned (compare Johnson et al. 2016, eq. 2).
    """
    distance_B = jnp.sum(jnp.square(features_BxC - reference_features_BxC), axis=-1)
    size_B = jnp.sum(jnp.square(reference_features_BxC), axis=-1)
    return jnp.mean(distance_B / (size_B + 1e-6))


def recolor(edited_BxHxWx3: jax.Array, image_BxHxWx3: jax.Array, weight_BxHxWx1: jax.Array) -> jax.Array:
    """How far an edit is from one affine function of the image's colours, mean over the batch.

    What has one colour should get one colour, to the garment's edge. The function is the best one for the image
    (ridge regression, as in a window of the guided filter, He et al. 2013, eq. 5), and taken as given.

    Args:
      edited_BxHxWx3: in [-1, 1].
      image_BxHxWx3: in [-1, 1].
      weight_BxHxWx1: in [0, 1], of each pixel; an image that has none counts as 0.
    """
    share = weight_BxHxWx1 / (jnp.sum(weight_BxHxWx1, axis=(1, 2, 3), keepdims=True) + 1e-6)
    best = recolor_lib.fit(edited_BxHxWx3, image_BxHxWx3, weight_BxHxWx1, _RIDGE)
    best = lax.stop_gradient(best(image_BxHxWx3))
    return jnp.mean(jnp.sum(share * jnp.square(edited_BxHxWx3 - best), axis=(1, 2, 3)))


def total_variation(mask_BxHxWx1: jax.Array) -> jax.Array:
    """Mean absolute difference of neighbouring mask values (GANimation's smoothness, eq. 4)."""
    vertical = jnp.abs(mask_BxHxWx1[:, 1:] - mask_BxHxWx1[:, :-1])
    horizontal = jnp.abs(mask_BxHxWx1[:, :, 1:] - mask_BxHxWx1[:, :, :-1])
    return jnp.mean(vertical) + jnp.mean(horizontal)
