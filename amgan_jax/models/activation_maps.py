"""Where a classifier sees a value."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from amgan_jax.schema import UNKNOWN
from amgan_jax.types import Array, Tree


def activation_maps(
    variables: Tree,
    feature_map_BxhxwxC: jax.Array,
    label_BxA: Array,
    value_counts: Sequence[int],
    size: tuple[int, int],
) -> jax.Array:
    """Class activation maps (Zhou et al. 2016) of one value of each attribute.

    The head's weights for the value over the last feature map, ReLU, divided by the
    map's maximum, resized.

    Args:
      variables: the attention network's.
      feature_map_BxhxwxC: its last feature map.
      label_BxA: the values to look for; an unknown value gives a map of zeros.
      value_counts: `Schema.value_counts`.
      size: (H, W) of the result.

    Returns:
      float32 [B, H, W, A] in [0, 1].
    """
    offsets_A = np.cumsum([0, *value_counts[:-1]])
    weight_VxC = variables["params"]["head"]["kernel"].T
    known_BxA = label_BxA != UNKNOWN
    weight_BxAxC = jnp.where(known_BxA[..., None], weight_VxC[jnp.maximum(label_BxA, 0) + offsets_A], 0.0)
    cam = jnp.einsum("bhwc,bac->bhwa", feature_map_BxhxwxC.astype(jnp.float32), weight_BxAxC)
    cam = jax.nn.relu(cam)
    cam = cam / jnp.maximum(jnp.max(cam, axis=(1, 2), keepdims=True), 1e-6)
    return jax.image.resize(cam, (cam.shape[0], *size, cam.shape[-1]), "bilinear")
