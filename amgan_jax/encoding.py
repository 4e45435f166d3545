"""Labels as arrays: one-hot planes, and the values that head outputs stand for.

`value_counts` is `Schema.value_counts`; V is its sum, A its length.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from amgan_jax.schema import UNKNOWN
from amgan_jax.types import Array

CONDITION_PARTS = ("change", "target")


def split_values(flat_V: Array, value_counts: Sequence[int]) -> list[jax.Array]:
    """Cuts the last axis [..., V] into one array [..., values] an attribute."""
    offsets = []
    for count in value_counts[:-1]:
        offsets.append(count + (offsets[-1] if offsets else 0))
    return jnp.split(flat_V, offsets, axis=-1)


def one_hot(label_A: Array, value_counts: Sequence[int]) -> jax.Array:
    """float32 [..., V] of an int32 label [..., A]; an unknown value is all zeros."""
    planes = [jax.nn.one_hot(label_A[..., i], count) for i, count in enumerate(value_counts)]
    return jnp.concatenate(planes, axis=-1)


def changed(source_A: Array, target_A: Array) -> jax.Array:
    """float32 [..., A], 1 where the labels int32 [..., A] are known and differ."""
    return (_both_known(source_A, target_A) & (source_A != target_A)).astype(jnp.float32)


def _both_known(source_A, target_A):
    return (source_A != UNKNOWN) & (target_A != UNKNOWN)


def condition(source_A: Array, target_A: Array, value_counts: Sequence[int], parts: Sequence[str]) -> jax.Array:
    """What the generator is told of an edit, float32 [..., parts * V].

    An attribute that is unknown in either label takes no part.

    Args:
      source_A: int32 [..., A].
      target_A: int32 [..., A].
      value_counts: `Schema.value_counts`.
      parts: of CONDITION_PARTS. "change": +1 for a value to gain, -1 to lose, 0 where nothing changes (STGAN, Liu
        et al. 2019). "target": 1 for each value to have, so that what comes can fit what stays, as a sleeve the
        garment's colour (StarGAN, Choi et al. 2018, which is told no more).
    """
    known = _both_known(source_A, target_A)
    source_V, target_V = (one_hot(jnp.where(known, x, UNKNOWN), value_counts) for x in (source_A, target_A))
    planes = {"change": target_V - source_V, "target": target_V}
    return jnp.concatenate([planes[part] for part in parts], axis=-1)


def probabilities(logits_V: Array, value_counts: Sequence[int]) -> jax.Array:
    """float32 [..., V] of logits [..., V]: those of an attribute's values sum to 1."""
    return jnp.concatenate([jax.nn.softmax(part, axis=-1) for part in split_values(logits_V, value_counts)], axis=-1)


def most_likely(logits_V: Array, value_counts: Sequence[int]) -> tuple[jax.Array, jax.Array]:
    """(label int32 [..., A], confidence float32 [..., A] in [0, 1]) of logits [..., V]."""
    parts = split_values(probabilities(logits_V, value_counts), value_counts)
    label = jnp.stack([jnp.argmax(p, axis=-1) for p in parts], axis=-1)
    confidence = jnp.stack([jnp.max(p, axis=-1) for p in parts], axis=-1)
    return label.astype(jnp.int32), confidence


def pool(logits: Sequence[jax.Array], value_counts: Sequence[int]) -> jax.Array:
    """Logits [..., V] of the mean of several readers' probabilities, each reader's logits [..., V]."""
    return jnp.log(sum(probabilities(logits_V, value_counts) for logits_V in logits) / len(logits))


def with_values(table_BxA: np.ndarray, values: dict[int, float]) -> np.ndarray:
    """A copy of a table with some columns set: {attribute index: value}."""
    changed = table_BxA.copy()
    for attribute, value in values.items():
        changed[:, attribute] = value
    return changed
