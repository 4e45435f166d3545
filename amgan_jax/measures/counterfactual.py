"""Edits of rendered garments against the truth: the same garment rendered with the target label.

counterfactual/psnr (dB) and ssim compare the edited picture with the truth, psnr_unedited
and ssim_unedited the picture as it was; mask_iou compares where the generator painted
(mask > 0.5) with where the two renders differ. Each also by edited attribute.
"""

import numpy as np
from numpy.typing import ArrayLike
from skimage import metrics

from amgan_jax import garments
from amgan_jax.measures.contract import BaseMeasure, Context, Edits, Figure
from amgan_jax.measures.intervals import Tally

_PSNR_OF_EQUALS = 100.0  # dB


class Measure(BaseMeasure):
    needs_nuisance = True

    def __init__(self, context: Context):
        super().__init__(context)
        self._tallies = {}

    def add_edits(self, edits: Edits) -> None:
        image, edited = edits.images.image, edits.edited
        truth, region = truth_and_region(edits)
        values: dict[str, ArrayLike] = {"mask_iou": iou(edits.mask > 0.5, region)}
        for suffix, pictures in (("", edited), ("_unedited", image)):
            values[f"psnr{suffix}"] = [psnr(*pair) for pair in zip(truth, pictures, strict=True)]
            values[f"ssim{suffix}"] = [_ssim(*pair) for pair in zip(truth, pictures, strict=True)]
        attribute = self.context.schema.names[edits.attribute]
        for name, value in values.items():
            self._tallies.setdefault(name, Tally()).add(attribute, edits.images.row, value)

    def result(self) -> dict[str, Figure]:
        figures = {}
        for name, tally in self._tallies.items():
            figures |= tally.figures(f"counterfactual/{name}", mean=f"counterfactual/{name}")
        return figures


def truth_and_region(edits: Edits) -> tuple[np.ndarray, np.ndarray]:
    """What edits of rendered garments should look like, and bool [B, H, W, 1] where that is not the source."""
    images = edits.images
    assert images.nuisance is not None  # or the measure needs it and does not say so
    size = images.image.shape[1:3]
    before, truth = (garments.render_batch(x, images.nuisance, size) for x in (images.label, edits.target))
    return np.asarray(truth), np.asarray(garments.true_region(before, truth))


def psnr(truth: np.ndarray, picture: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of a picture in [-1, 1]; 100 at most."""
    if np.array_equal(truth, picture):
        return _PSNR_OF_EQUALS  # where the ratio would be infinite, and so would every mean with it
    return min(metrics.peak_signal_noise_ratio(truth, picture, data_range=2.0), _PSNR_OF_EQUALS)


def _ssim(truth, picture):
    return metrics.structural_similarity(truth, picture, data_range=2.0, channel_axis=-1)


def iou(painted: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Overlap [B] of bool [B, H, W, 1], as a share of what either covers; 1 where both are empty."""
    both = np.sum(painted & region, axis=(1, 2, 3))
    either = np.sum(painted | region, axis=(1, 2, 3))
    return np.where(either, both / np.maximum(1, either), 1.0)
