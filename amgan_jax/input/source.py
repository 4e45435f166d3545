"""What training and evaluation ask of a dataset, whatever it is read by."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np

from amgan_jax.input import fingerprint
from amgan_jax.schema import Schema
from amgan_jax.types import Batch, Config


class Queries(NamedTuple):
    """Published manipulation queries: row int [Q] of the image to edit, target int32 [Q, A]."""

    row: np.ndarray
    target: np.ndarray


class Source(Protocol):
    """Where batches come from: `tfdata.DatasetSource`, `arrays.ArraySource`, or your own.

    The batch of a step is a pure function of the config and the step, so that training
    can go on from any step. Each host gets its part.

    queries: published edits of test images, None where there are none.
    """

    schema: Schema
    queries: Queries | None

    def fingerprint(self) -> fingerprint.Fingerprint:
        """What tells this data from other data, see `fingerprint.of_split`: by split."""
        ...

    def classifier_batches(self, config: Config, name: str, first_step: int) -> Iterator[Batch]:
        """image float32 [B, H, W, 3] in [-1, 1], label int32 [B, A], from a step on without end.

        Of the size `networks.image_size(config, name)`.
        """
        ...

    def amgan_batches(self, config: Config, first_step: int) -> Iterator[Batch]:
        """The batch of `steps.amgan_step`, with [n_critic * B] in front of each array."""
        ...

    def evaluation_batches(self, config: Config, split: str) -> Iterator[Batch]:
        """image, of the evaluator's size, label, row int [B], valid bool [B] (False: padding); nuisance int32
        [B, 2] where known."""
        ...
