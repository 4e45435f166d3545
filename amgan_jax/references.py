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

    def choose(self, target_BxA, changed_BxA, edited_B, rng: np.random.Generator) -> np.ndarray:
        """A training image's row [B] for each target, drawn evenly from the best.

        The best are those that have the target label; where none has it, those that
        agree with most of its known values among those that have all the edited values; where
        none has all of these, among those that have the value that the regional discriminator looks at.

        Args:
          target_BxA: int32, the labels to look for.
          changed_BxA: bool, the edited attributes.
          edited_B: int, the one of them that the regional discriminator looks at; some image has its value.
          rng: one number is drawn a target.
        """
        draws = rng.random(len(target_BxA))
        candidates = [self._candidates(*query) for query in zip(target_BxA, changed_BxA, edited_B, strict=True)]
        return np.array([rows[int(draw * len(rows))] for rows, draw in zip(candidates, draws, strict=True)])

    def _candidates(self, target, changed, edited):
        exact = self._rows_of_label.get(tuple(target.tolist()))
        if exact is not None:
            return exact
        agrees_NxA = (self._labels == target) & (target != UNKNOWN)
        agreement_N = np.sum(agrees_NxA, axis=1)
        has_edit_N = np.all(agrees_NxA | ~changed, axis=1)
        if not has_edit_N.any():
            has_edit_N = agrees_NxA[:, edited]
        agreement_N = np.where(has_edit_N, agreement_N, -1)
        return np.flatnonzero(agreement_N == agreement_N.max())
