"""Builds `synthetic_garments`, rendered garments of any size and number: see synthetic_garments.py."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from amgan_jax import garments
from amgan_jax.datasets.labelled_images import Example, LabelledImages
from amgan_jax.datasets.photo_list import SPLITS, encode_png

_CHUNK = 256  # garments rendered at once


class SyntheticGarments(LabelledImages):
    """Renders garments.

    Args:
      summary: see `dataset.Dataset`.
      name: the variant's.
      height, width: of the images, pixels.
      counts: images of each split.
    """

    def __init__(self, *, summary: str, name: str, height: int, width: int, counts: dict[str, int], **kwargs: Any):
        self.schema, self.summary = garments.SCHEMA, summary
        self._size = (height, width)
        self._counts = counts
        config = tfds.core.BuilderConfig(name=name, description=f"{height} x {width} pixels, {counts}")
        super().__init__(config=config, **kwargs)

    def has_foreground(self) -> bool:
        return True

    def extra_features(self) -> dict:
        return {"nuisance": tfds.features.Tensor(shape=(2,), dtype=np.int32)}

    def examples(self, split: str) -> Iterator[Example]:
        # A seed a split: no garment of one is in another.
        seed, count = SPLITS.index(split), self._counts[split]
        rng = np.random.default_rng(seed)
        labels = np.stack([rng.integers(0, n, count) for n in self.schema.value_counts], axis=-1).astype(np.int32)
        for start in range(0, count, _CHUNK):
            index = np.arange(start, start + _CHUNK)
            nuisance = np.stack([np.full(_CHUNK, seed), index], axis=-1).astype(np.int32)
            drawn = (labels[np.minimum(index, count - 1)], nuisance, self._size)
            images = np.round((np.asarray(garments.render_batch(*drawn)) + 1.0) * 127.5).astype(np.uint8)
            masks = np.round(np.asarray(garments.foreground_batch(*drawn))[..., 0] * 255.0).astype(np.uint8)
            for i in index[index < count].tolist():
                picture, mask = encode_png(images[i - start]), encode_png(masks[i - start])
                yield Example(f"{split}_{i}", picture, labels[i].tolist(), (seed, i), mask)
