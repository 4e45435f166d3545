"""Means of figures, and their intervals by bootstrap over images."""

import numpy as np
from numpy.typing import ArrayLike

from amgan_jax.measures.contract import Figure

_RESAMPLES = 1000  # of the bootstrap


class Tally:
    """Values by name and image: their means, and intervals of these."""

    def __init__(self):
        self._added: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}

    def add(self, name: str, row: np.ndarray, values: ArrayLike) -> None:
        """Adds a value [B] of each image [B] to a name."""
        self._added.setdefault(name, []).append((np.asarray(row), np.asarray(values, np.float64)))

    def figures(self, group: str, mean: str | None = None) -> dict[str, Figure]:
        """ "<group>/<name>" of each name and, under the key `mean`, the mean over names.

        A name whose key that is has " (attribute)" behind it.

        Images are resampled, not values: all of an image's values come and go together.
        """
        names = [name for name, added in self._added.items() if sum(len(row) for row, _ in added)]
        if not names:
            return {}
        sums, counts = self._by_image(names)
        values = _means(sums.sum(1), counts.sum(1))
        low, high = np.nanpercentile(_resample(sums, counts), [2.5, 97.5], axis=0)
        keys = [mean, *(f"{group}/{name}" for name in names)]
        keys[1:] = [f"{key} (attribute)" if key == mean else key for key in keys[1:]]  # one that is called mean
        return {key: Figure(*map(float, row)) for key, *row in zip(keys, values, low, high, strict=True) if key}

    def _by_image(self, names):
        """Sums and counts [names, images] of the values."""
        rows = [np.concatenate([row for row, _ in self._added[name]]) for name in names]
        images, places = np.unique(np.concatenate(rows), return_inverse=True)
        places = np.split(places, np.cumsum([len(row) for row in rows])[:-1])
        sums, counts = np.zeros((2, len(names), len(images)))
        for i, name in enumerate(names):
            np.add.at(sums[i], places[i], np.concatenate([values for _, values in self._added[name]]))
            np.add.at(counts[i], places[i], 1.0)
        return sums, counts


def _means(sums, counts):
    """The mean over names, then each name's mean; NaN where there is no value."""
    with np.errstate(invalid="ignore"):
        means = sums / counts
    known = means[~np.isnan(means)]
    return np.concatenate([[known.mean() if len(known) else np.nan], means])


def _resample(sums, counts):
    """`_means` of images drawn with replacement, [_RESAMPLES, 1 + names]."""
    rng = np.random.default_rng(0)
    size = sums.shape[1]
    drawn = (rng.integers(size, size=size) for _ in range(_RESAMPLES))
    return np.stack([_means(sums[:, rows].sum(1), counts[:, rows].sum(1)) for rows in drawn])
