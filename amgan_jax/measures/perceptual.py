"""How much an edit changes the picture where it should not.

perceptual_distance/<attribute>: distance of an edited picture from its source in the
evaluator's feature maps (compare Zhang et al. 2018, LPIPS, eq. 1): unit vectors at each place,
squared difference, mean over the places outside of the region of the edit, sum over
maps. The region: of rendered garments, where the two renders differ; of photos, that of
`models.regions`: where the source value is seen before or the target value after, or all of the garment.
"""

import numpy as np
from skimage import transform

from amgan_jax.measures.contract import BaseMeasure, Context, Edits, Figure
from amgan_jax.measures.counterfactual import truth_and_region
from amgan_jax.measures.intervals import Tally


class Measure(BaseMeasure):
    def __init__(self, context: Context):
        super().__init__(context)
        self._tally = Tally()

    def add_edits(self, edits: Edits) -> None:
        outside = 1.0 - self._region(edits)
        pairs = zip(edits.images.reading.feature_maps, edits.reading.feature_maps, strict=True)
        distance = np.sum([_distance(before, after, outside) for before, after in pairs], axis=0)
        self._tally.add(self.context.schema.names[edits.attribute], edits.images.row, distance)

    def result(self) -> dict[str, Figure]:
        return self._tally.figures("perceptual_distance", mean="perceptual_distance/mean")

    def _region(self, edits):
        """float32 [B, H, W, 1] in [0, 1]."""
        if edits.images.nuisance is not None:
            return truth_and_region(edits)[1].astype(np.float32)
        # Compiled for few batch sizes: how many labels are known differs from batch to batch.
        size = len(edits.target)
        padding = (1 << (size - 1).bit_length()) - size
        arrays = (edits.images.image, edits.images.label, edits.edited, edits.target)
        padded = (np.concatenate([x, np.repeat(x[:1], padding, axis=0)]) for x in arrays)
        return self.context.editor.regions(*padded)[:size, ..., edits.attribute, None]


def _distance(before, after, outside):
    """Distance [B] of two feature maps, weighted by `outside` [B, H, W, 1]."""
    weight = np.asarray(transform.resize(outside, (*before.shape[:3], 1), order=1, anti_aliasing=True))
    difference = np.sum((_unit(before) - _unit(after)) ** 2, axis=-1, keepdims=True)
    return np.sum(weight * difference, axis=(1, 2, 3)) / np.maximum(np.sum(weight, axis=(1, 2, 3)), 1e-6)


def _unit(maps):
    return maps / np.maximum(np.linalg.norm(maps, axis=-1, keepdims=True), 1e-6)
