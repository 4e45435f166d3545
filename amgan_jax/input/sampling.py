"""What the batch of a step holds: a pure function of (seed, step). Numpy, and the host's number.

A plan names rows of the training table and how each is shown; `tfdata` turns
plans into images. Plans are made for the global batch and then cut, so that they are
the same whatever the number of devices and hosts.
"""

from collections.abc import Iterator, Sequence
import dataclasses
import functools
import itertools

import jax
import numpy as np

from amgan_jax.errors import UserError
from amgan_jax.input.references import ReferenceIndex
from amgan_jax.schema import UNKNOWN, Schema
from amgan_jax.types import Config

_EPOCH, _AUGMENTATION, _EDIT = range(3)  # independent random streams


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How training shows an image.

    flip: whether images are mirrored at random.
    crop: at most this share of each side is cropped away at random, in [0, 1).
    """

    flip: bool
    crop: float


def classifier_plan(
    labels_NxA: np.ndarray, augmentation: Augmentation, seed: int, step: int, batch_size: int
) -> dict[str, np.ndarray]:
    """Plan of a classifier's batch: row [B], flip [B], box [B, 4], label [B, A]."""
    rows = _shuffled_rows(len(labels_NxA), seed, step, batch_size)
    rng = _rng(seed, _AUGMENTATION, step)
    return {"row": rows, "label": labels_NxA[rows], **_augment(rng, augmentation, batch_size)}


class EditSampler:
    """Draws sources, targets and references.

    Args:
      labels_NxA: int32, the training images' labels.
      value_counts: `Schema.value_counts`.
      single: share of edits of one attribute; the rest are of two to all A, each number as often. Of an image
        with fewer known values all of these are edited.
      balance: share of target values drawn evenly; the rest as frequent as in the data.

    Raises:
      UserError: no image has a known label.
    """

    def __init__(self, labels_NxA: np.ndarray, value_counts: Sequence[int], single: float, balance: float):
        self._frequencies = [
            np.bincount(column[column != UNKNOWN], minlength=count)
            for column, count in zip(labels_NxA.T, value_counts, strict=True)
        ]
        # An attribute with one value in the data has nothing that it could be edited to.
        self._editable_A = np.array([np.count_nonzero(f) > 1 for f in self._frequencies])
        self._sources = np.flatnonzero(np.any((labels_NxA != UNKNOWN) & self._editable_A, axis=1))
        if not len(self._sources):
            raise UserError("no training image has a known value of an attribute that varies")
        self._labels = labels_NxA
        self._references = ReferenceIndex(labels_NxA, value_counts)
        self._single = single
        self._balance = balance

    def plan(self, augmentation: Augmentation, seed: int, step: int, batch_size: int) -> dict[str, np.ndarray]:
        """Plan of an AMGAN batch.

        Returns:
          row, reference_row: int [B], of the training table;
          flip: bool [B]; box: float32 [B, 4], of both, see `_augment`;
          label, reference_label, target: int32 [B, A];
          focus: int32 [B], one of the attributes in which label and target differ, see `steps.amgan_step`.
        """
        rows = self._sources[_shuffled_rows(len(self._sources), seed, step, batch_size)]
        rng = _rng(seed, _EDIT, step)
        label = self._labels[rows]
        target, focus = self._targets(label, rng)
        reference_rows = self._references.choose(target, target != label, focus, rng)
        return {
            "row": rows,
            "reference_row": reference_rows,
            "label": label,
            "reference_label": self._labels[reference_rows],
            "target": target,
            "focus": focus,
            **_augment(_rng(seed, _AUGMENTATION, step), augmentation, batch_size),
        }

    def _targets(self, label_BxA, rng):
        """Targets [B, A] and one of the edited attributes [B], the focus, of each."""
        editable = (label_BxA != UNKNOWN) & self._editable_A
        lot = np.where(editable, rng.random(label_BxA.shape), -1.0)
        rank = np.argsort(np.argsort(-lot, axis=1), axis=1)
        changed = (rank < self._counts(rng, *label_BxA.shape)[:, None]) & editable
        target = label_BxA.copy()
        for a, frequency in enumerate(self._frequencies):
            drawn = self._other_values(label_BxA[:, a], frequency, rng.random(len(label_BxA)))
            target[:, a] = np.where(changed[:, a], drawn, label_BxA[:, a])
        return target, np.argmax(lot, axis=1).astype(np.int32)

    def _counts(self, rng, examples, attributes):
        """How many attributes [B] each edit asks for."""
        several = rng.integers(min(2, attributes), attributes + 1, size=examples)
        return np.where(rng.random(examples) < self._single, 1, several)

    def _other_values(self, source_B, frequency, lot_B):
        """A value [B] other than the source's."""
        even = (frequency > 0) / max(1, np.count_nonzero(frequency))
        weight = self._balance * even + (1.0 - self._balance) * frequency / max(1, frequency.sum())
        weight_BxN = np.tile(weight, (len(source_B), 1))
        weight_BxN[np.arange(len(source_B)), source_B] = 0.0
        cumulative = np.cumsum(weight_BxN, axis=1)
        return np.sum(cumulative <= lot_B[:, None] * cumulative[:, -1:], axis=1).clip(max=len(frequency) - 1)


def classifier_plans(
    labels_NxA: np.ndarray, config: Config, name: str, first_step: int
) -> Iterator[dict[str, np.ndarray]]:
    """Endless plans of this host's part of a classifier's batches, from a step on."""
    augmentation = Augmentation(config.data.flip, config.data.crop)
    for step in itertools.count(first_step):
        plan = classifier_plan(labels_NxA, augmentation, config[name].seed, step, config[name].batch_size)
        yield host_part(plan, 1, jax.process_index(), jax.process_count())


def amgan_plans(
    labels_NxA: np.ndarray, schema: Schema, config: Config, first_step: int
) -> Iterator[dict[str, np.ndarray]]:
    """Endless plans of this host's part of AMGAN's batches, from a step on."""
    sampler = EditSampler(labels_NxA, schema.value_counts, config.data.single, config.data.balance)
    microbatches = config.amgan.n_critic
    augmentation = Augmentation(config.data.flip, config.amgan.crop)
    for step in itertools.count(first_step):
        plan = sampler.plan(augmentation, config.seed, step, microbatches * config.amgan.batch_size)
        yield host_part(plan, microbatches, jax.process_index(), jax.process_count())


def evaluation_rows(size: int, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(rows [B], valid bool [B]) of batches that show every row once; padding at the end of the last is not valid."""
    for start in range(0, size, batch_size):
        rows = np.arange(start, start + batch_size)
        yield np.minimum(rows, size - 1), rows < size


def host_part(plan: dict[str, np.ndarray], microbatches: int, host: int, hosts: int) -> dict[str, np.ndarray]:
    """The rows of a global plan [microbatches * B, ...] that a host feeds: its part of each microbatch."""

    def cut(x):
        return x.reshape(microbatches, hosts, -1, *x.shape[1:])[:, host].reshape(-1, *x.shape[1:])

    return {name: cut(x) for name, x in plan.items()}


def _shuffled_rows(size, seed, step, batch_size):
    """Rows [B]: each epoch shows every row once, in an order of its own."""
    place = step * batch_size + np.arange(batch_size)
    epochs = place // size
    orders = {epoch: _epoch_order(size, seed, epoch) for epoch in set(epochs.tolist())}
    return np.array([orders[epoch][i] for epoch, i in zip(epochs.tolist(), place % size, strict=True)])


@functools.lru_cache(maxsize=4)
def _epoch_order(size, seed, epoch):
    return _rng(seed, _EPOCH, epoch).permutation(size)


def _rng(seed, stream, index):
    """Of a stream's epoch or step. A list of these as the seed would not do: numpy pads it with zeros."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream, index)))


def _augment(rng, augmentation, batch_size):
    """flip: bool [B]; box: float32 [B, 4], the part to show as (top, left, bottom, right) in [0, 1]."""
    flip = (rng.random(batch_size) < 0.5) & augmentation.flip
    extent = 1.0 - augmentation.crop * rng.random((batch_size, 2))
    corner = (1.0 - extent) * rng.random((batch_size, 2))
    box = np.concatenate([corner, corner + extent], axis=1).astype(np.float32)
    return {"flip": flip, "box": box}
