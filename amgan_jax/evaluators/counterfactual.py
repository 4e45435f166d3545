"""Edits of rendered garments against the truth: the same garment rendered with the target label.

counterfactual/psnr (dB) and ssim compare the edited picture with the truth, psnr_unedited
and ssim_unedited the picture as it was; mask_iou compares where the generator painted
(mask > 0.5) with where the two renders differ.
"""

import numpy as np
from skimage import metrics

from amgan_jax import garments
from amgan_jax.evaluators.common import BaseMeasure, Tally


class Measure(BaseMeasure):
    needs_nuisance = True

    def __init__(self, context):
        super().__init__(context)
        self._tally = Tally()

    def add_edits(self, edits):
        truth = np.asarray(garments.render_batch(edits.target, edits.nuisance, edits.image.shape[1:3]))
        before = np.asarray(garments.render_batch(edits.source, edits.nuisance, edits.image.shape[1:3]))
        region = np.asarray(garments.true_region(before, truth))
        for i in range(len(truth)):
            for suffix, picture in (("", edits.edited[i]), ("_unedited", edits.image[i])):
                self._tally.add(f"psnr{suffix}", metrics.peak_signal_noise_ratio(truth[i], picture, data_range=2.0))
                ssim = metrics.structural_similarity(truth[i], picture, data_range=2.0, channel_axis=-1)
                self._tally.add(f"ssim{suffix}", ssim)
        painted = edits.mask > 0.5
        both = np.sum(painted & region, axis=(1, 2, 3))
        either = np.sum(painted | region, axis=(1, 2, 3))
        self._tally.add("mask_iou", np.where(either, both / np.maximum(1, either), 1.0))

    def result(self):
        return {f"counterfactual/{name}": value for name, value in self._tally.means().items()}
