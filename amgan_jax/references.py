"""References: which real training image shows what an edit should look like. Numpy only."""

import collections

import numpy as np

from amgan_jax.attributes import UNKNOWN


class ReferenceIndex:
    """Looks up training images by label.

    Args:
      labels_NxA: int32, the training images' labels.
    """

    def __init__(self, labels_NxA: np.ndarray):
        self._labels = labels_NxA
        rows = collections.defaultdict(list)
        for row, label in enumerate(labels_NxA.tolist()):
            rows[tuple(label)].append(row)
        self._rows_of_label = {label: np.array(found) for label, found in rows.items()}

    def choose(self, target_BxA: np.ndarray, changed_BxA: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A training image's row [B] for each target, drawn evenly from the best.

        The best are those that have the target label; where none has it, those that
        agree with most of its known values among those that have the edited values; where
        none has all of these, the edited values count as the others do.

        Args:
          target_BxA: int32, the labels to look for.
          changed_BxA: bool, the edited attributes.
          rng: one number is drawn a target.
        """
        draws = rng.random(len(target_BxA))
        candidates = [
            self._candidates(target, changed) for target, changed in zip(target_BxA, changed_BxA, strict=True)
        ]
        return np.array([rows[int(draw * len(rows))] for rows, draw in zip(candidates, draws, strict=True)])

    def _candidates(self, target, changed):
        exact = self._rows_of_label.get(tuple(target.tolist()))
        if exact is not None:
            return exact
        agrees_NxA = (self._labels == target) & (target != UNKNOWN)
        agreement_N = np.sum(agrees_NxA, axis=1)
        has_edit_N = np.all(agrees_NxA | ~changed, axis=1)
        if has_edit_N.any():
            agreement_N = np.where(has_edit_N, agreement_N, -1)
        return np.flatnonzero(agreement_N == agreement_N.max())
