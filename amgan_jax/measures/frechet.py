"""How far edited images are, as a crowd, from real ones.

frechet_distance: Fréchet distance (Heusel et al. 2017, eq. 6) between the evaluator's pooled
features of all unedited images of the split and those of all their edits. Features are
this evaluator's, not Inception's, and the distance of few images is biased upwards:
compare it between systems with one evaluator and one number of images only. The same
figure stands under frechet_distance/<n>_images too, a name that says how many. Of fewer than
two images or edits there is none.
"""

import numpy as np
from scipy import linalg

from amgan_jax.measures.contract import BaseMeasure, Context, Edits, Figure, Images


class Measure(BaseMeasure):
    def __init__(self, context: Context):
        super().__init__(context)
        self._real, self._edited = [], []

    def add_images(self, images: Images) -> None:
        self._real.append(images.reading.features)

    def add_edits(self, edits: Edits) -> None:
        self._edited.append(edits.reading.features)

    def result(self) -> dict[str, Figure]:
        if sum(map(len, self._real)) < 2 or sum(map(len, self._edited)) < 2:
            return {}
        real, edited = np.concatenate(self._real), np.concatenate(self._edited)
        figure = Figure(frechet_distance(real, edited))
        return {"frechet_distance": figure, f"frechet_distance/{len(real)}_images": figure}


def frechet_distance(a_NxC: np.ndarray, b_MxC: np.ndarray) -> float:
    """Fréchet distance between Gaussians fitted to two sets of at least two feature vectors."""
    a, b = a_NxC.astype(np.float64), b_MxC.astype(np.float64)
    covariance_a, covariance_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = np.real(linalg.sqrtm(covariance_a @ covariance_b))  # rounding gives it a small imaginary part
    distance = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(covariance_a + covariance_b - 2.0 * root)
    return float(max(distance, 0.0))
