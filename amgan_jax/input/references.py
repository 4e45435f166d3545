"""References: which real training image shows what an edit should look like. Numpy only."""

from collections.abc import Sequence

import numpy as np

from amgan_jax.schema import UNKNOWN

_CANDIDATES = 1024  # images that are compared with a target that no image has


class ReferenceIndex:
    """Looks up training images by label, a batch at a time.

    What a look-up costs depends neither on the number of images nor on that of values.

    Args:
      labels_NxA: int32, the training images' labels.
      value_counts: `Schema.value_counts`.
    """

    def __init__(self, labels_NxA: np.ndarray, value_counts: Sequence[int]):
        self._labels = labels_NxA
        # A 64-bit code a label: each value of each attribute, unknown too, has a random word.
        rng = np.random.default_rng(0)
        self._words = rng.integers(0, 2**64, (len(value_counts), max(value_counts) + 1), dtype=np.uint64)
        codes_N = self._code(labels_NxA)
        self._by_code = np.argsort(codes_N, kind="stable")
        self._codes = codes_N[self._by_code]
        self._by_value = [np.argsort(column, kind="stable") for column in labels_NxA.T]
        self._value_starts = [
            np.searchsorted(column, np.arange(count + 1), sorter=order)
            for column, order, count in zip(labels_NxA.T, self._by_value, value_counts, strict=True)
        ]

    def choose(
        self, target_BxA: np.ndarray, changed_BxA: np.ndarray, focus_B: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """A training image's row [B] for each target, drawn evenly from the best.

        The best are those that have the target label; where none has it, those that
        agree with most of its known values among those that have all the edited values; where
        none has all of these, among those that have the value that the regional discriminator looks at.
        Of images with that value, at most 1,024, spread evenly, are looked at.

        Args:
          target_BxA: int32, the labels to look for.
          changed_BxA: bool, the edited attributes.
          focus_B: int, the one of them that the regional discriminator looks at; some image has its value.
          rng: two numbers are drawn a target.
        """
        pick_B, spread_B = rng.random(len(target_BxA)), rng.random(len(target_BxA))
        codes_B = self._code(target_BxA)
        first_B = np.searchsorted(self._codes, codes_B)
        count_B = np.searchsorted(self._codes, codes_B, side="right") - first_B
        rows_B = self._by_code[(first_B + (pick_B * count_B).astype(int)).clip(max=len(self._codes) - 1)]
        nearest = np.flatnonzero(count_B == 0)
        if len(nearest):
            target, focus = target_BxA[nearest], np.asarray(focus_B)[nearest]
            candidates, valid = self._candidates(target, focus, spread_B[nearest])
            rows_B[nearest] = self._nearest(candidates, valid, target, changed_BxA[nearest], pick_B[nearest])
        return rows_B

    def _code(self, labels_NxA):
        codes = np.zeros(len(labels_NxA), np.uint64)
        for column, words in zip(labels_NxA.T, self._words, strict=True):
            codes ^= words[column]  # unknown is -1: the last word
        return codes

    def _candidates(self, target_BxA, focus_B, spread_B):
        """Rows [B, K] that have the value in focus, and which of them count: where there are fewer, some don't."""
        place_K = np.arange(_CANDIDATES)
        rows, valid = [], []
        for target, focus, spread in zip(target_BxA, focus_B, spread_B, strict=True):
            start, end = self._value_starts[focus][target[focus] : target[focus] + 2]
            count = end - start
            spread_K = ((place_K + spread) * count / _CANDIDATES).astype(int)
            chosen_K = spread_K if count > _CANDIDATES else np.minimum(place_K, count - 1)
            rows.append(self._by_value[focus][start + chosen_K])
            valid.append(place_K < count)
        return np.stack(rows), np.stack(valid)

    def _nearest(self, rows_BxK, valid_BxK, target_BxA, changed_BxA, pick_B):
        """The row [B] of the candidates that agrees best, drawn evenly from as good ones."""
        target = target_BxA[:, None]
        agrees_BxKxA = (self._labels[rows_BxK] == target) & (target != UNKNOWN)
        has_edit_BxK = np.all(agrees_BxKxA | ~changed_BxA[:, None], axis=2)
        score_BxK = np.sum(agrees_BxKxA, axis=2) + has_edit_BxK * (target_BxA.shape[1] + 1)
        score_BxK = np.where(valid_BxK, score_BxK, -1)
        best_BxK = score_BxK == score_BxK.max(axis=1, keepdims=True)
        rank_BxK = np.cumsum(best_BxK, axis=1)
        wanted_B = (pick_B * rank_BxK[:, -1]).astype(int) + 1
        return rows_BxK[np.arange(len(rows_BxK)), np.argmax(rank_BxK == wanted_B[:, None], axis=1)]
