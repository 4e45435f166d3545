"""Types that many signatures name."""

from typing import Any

import jax
import numpy as np

Array = jax.Array | np.ndarray
Tree = Any  # dictionaries, tuples and dataclasses of arrays, nested
# An ml_collections.ConfigDict, or a section of one. What its keys hold is known to configs/default.py only, and
# training runs where there is no ml_collections.
Config = Any
Batch = dict[str, np.ndarray]
Metrics = dict[str, jax.Array]  # scalars by name
