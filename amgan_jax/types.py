"""Types that many signatures name. Imports no JAX: commands say --help before that takes its seconds."""

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import jax

Array: TypeAlias = "jax.Array | np.ndarray"
Tree: TypeAlias = Any  # dictionaries, tuples and dataclasses of arrays, nested
# An ml_collections.ConfigDict, or a section of one. What its keys hold is known to configs/default.py only, and
# training runs where there is no ml_collections.
Config: TypeAlias = Any
Batch: TypeAlias = dict[str, np.ndarray]
Metrics: TypeAlias = "dict[str, jax.Array]"  # scalars by name
