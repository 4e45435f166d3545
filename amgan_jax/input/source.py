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

    A foreground is float32 [B, H, W, 1]: what the garment, or the person who wears it, covers of each pixel of the
    image beside it, 0 to 1; and -1 (`schema.UNKNOWN`) in all pixels of an image of which that is not known. Built
    datasets have it as a grey PNG of the photo's size, which is empty where it is not known.

    queries: published edits of test images, None where there are none.
    has_foreground: whether the foreground of any training image is known; where none is, no batch has one.
    """

    schema: Schema
    queries: Queries | None
    has_foreground: bool

    def fingerprint(self) -> fingerprint.Fingerprint:
        """What tells this data from other data, see `fingerprint.of_split`: by split."""
        ...

    def classifier_batches(self, config: Config, name: str, first_step: int) -> Iterator[Batch]:
        """image float32 [B, H, W, 3] in [-1, 1], label int32 [B, A], from a step on without end.

        Of the size `networks.image_size(config, name)`; with the foreground where the classifier learns it.
        """
        ...

    def amgan_batches(self, config: Config, first_step: int) -> Iterator[Batch]:
        """The batch of `steps.amgan_step`, with [n_critic * B] in front of each array."""
        ...

    def evaluation_batches(self, config: Config, split: str) -> Iterator[Batch]:
        """image, of the evaluator's size, label, row int [B], valid bool [B] (False: padding); nuisance int32
        [B, 2] where known; foreground as of the attention network."""
        ...
