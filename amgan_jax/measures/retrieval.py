"""Whether the garment that was asked for would be found by the edited picture, as in a shop's search.

retrieval/top_<k>: share of edits among whose k nearest images of the split, by cosine in
the evaluator's pooled features, one has the target label in all attributes that the
target knows. The edit's own source is left out, and so are edits whose target label no
other image has. The paper's kind of measure (compare Zhao et al. 2017, AMNet, section 4). Where
the dataset has published queries, the edits are those, else one of each attribute of each image.
"""

import numpy as np

from amgan_jax.measures.contract import BaseMeasure, Context, Edits, Figure, Images
from amgan_jax.measures.intervals import Tally
from amgan_jax.schema import UNKNOWN

_TOP = (1, 10, 30)
_CHUNK = 1024  # queries that are ranked at once


class Measure(BaseMeasure):
    def __init__(self, context: Context):
        super().__init__(context)
        self._gallery, self._queries = [], []

    def add_images(self, images: Images) -> None:
        self._gallery.append((images.row, images.label, images.reading.features))

    def add_edits(self, edits: Edits) -> None:
        if self.context.queries is None:
            self.add_queries(edits)

    def add_queries(self, edits: Edits) -> None:
        self._queries.append((edits.images.row, edits.target, edits.reading.features))

    def result(self) -> dict[str, Figure]:
        if not self._queries:
            return {}
        gallery_row, gallery_label, gallery = _join(self._gallery)
        row, target, query = _join(self._queries)
        tally = Tally()
        for start in range(0, len(row), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            is_own = row[chunk, None] == gallery_row
            fits = _fits(target[chunk], gallery_label) & ~is_own
            similarity = np.where(is_own, -np.inf, query[chunk] @ gallery.T)
            hit = np.take_along_axis(fits, _largest(similarity, max(_TOP)), axis=1)
            possible = fits.any(axis=1)
            for k in _TOP:
                tally.add(f"top_{k}", row[chunk][possible], hit[possible, :k].any(axis=1))
        return tally.figures("retrieval")


def _join(parts):
    """Rows, labels and features of unit length of all parts."""
    row, label, features = (np.concatenate(part) for part in zip(*parts, strict=True))
    return row, label, features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def _largest(x_QxN, count):
    """Places of the largest values of each row, in order: int [Q, count], fewer where there are not that many."""
    if count < x_QxN.shape[1]:
        place = np.argpartition(-x_QxN, count, axis=1)[:, :count]  # a full sort of a large gallery takes minutes
    else:
        place = np.broadcast_to(np.arange(x_QxN.shape[1]), x_QxN.shape)
    order = np.argsort(-np.take_along_axis(x_QxN, place, axis=1), axis=1, kind="stable")
    return np.take_along_axis(place, order, axis=1)


def _fits(target_QxA, label_NxA):
    """Whether an image [N] has a target [Q] in all attributes that it knows: bool [Q, N]."""
    same = target_QxA[:, None] == label_NxA
    return np.all(same | (target_QxA[:, None] == UNKNOWN), axis=-1)
