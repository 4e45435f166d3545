"""Edits of pictures larger than the networks see, at their own size, against the truth rendered at that size.

The first 64 garments of a split are rendered at 4 and at 8 times the size of its images, made small and
edited as the edit command does, and the edit is carried up. full_size/x8/psnr (dB) is that of `carry_up`
at 8 times the size, full_size/x8/psnr_bilinear that of the same edits, carried up bilinearly. Each also by
edited attribute.
"""

import numpy as np

from amgan_jax import garments
from amgan_jax.editing import carry_up, photos
from amgan_jax.measures.contract import BaseMeasure, Context, Edits, Figure, Images
from amgan_jax.measures.counterfactual import psnr
from amgan_jax.measures.intervals import Tally

_GARMENTS = 64  # large renders take time
_FACTORS = (4, 8)
_CHUNK = 8  # renders at once, which take many times the memory of the picture


class Measure(BaseMeasure):
    needs_nuisance = True

    def __init__(self, context: Context):
        super().__init__(context)
        self._sources, self._tallies = {}, {}

    def add_images(self, images: Images) -> None:
        few = images.row < _GARMENTS
        for factor in _FACTORS:
            large = _render(images.label[few], images, few, factor)
            self._sources[factor] = dict(zip(images.row[few], large, strict=True))

    def add_edits(self, edits: Edits) -> None:
        few = np.flatnonzero(edits.images.row < _GARMENTS)
        if not len(few):
            return
        images, target = edits.images, edits.target[few]
        row, source = images.row[few], images.source[few]
        asked = np.where(target == images.label[few], source, target)
        attribute = self.context.schema.names[edits.attribute]
        for factor in _FACTORS:
            large = [self._sources[factor][r] for r in row]
            seen = np.stack([photos.letterbox(photos.Photo(x, None), *images.image.shape[1:3]).image for x in large])
            edited, mask = self.context.editor.edit(seen, source, asked)
            truth = _render(target, images, few, factor)
            change = edited - seen
            ways = {"psnr": map(carry_up.fit, seen, change, mask), "psnr_bilinear": map(carry_up.bilinear, change)}
            for name, affine in ways.items():
                pictures = map(carry_up.apply, affine, large)
                values = [psnr(_unit(t), _unit(p)) for t, p in zip(truth, pictures, strict=True)]
                self._tallies.setdefault(f"full_size/x{factor}/{name}", Tally()).add(attribute, row, values)

    def result(self) -> dict[str, Figure]:
        return {key: f for name, tally in self._tallies.items() for key, f in tally.figures(name, mean=name).items()}


def _render(label, images, few, factor):
    """Garments uint8, as files of them are, `factor` times as large as the images: a list, as there may be none.

    They are those of `few` of the images, with other labels.
    """
    assert images.nuisance is not None  # which this measure needs
    nuisance, size = images.nuisance[few], tuple(factor * side for side in images.image.shape[1:3])
    starts = range(0, len(label), _CHUNK)
    chunks = (garments.render_batch(label[s : s + _CHUNK], nuisance[s : s + _CHUNK], size) for s in starts)
    return [picture for chunk in chunks for picture in np.round((np.asarray(chunk) + 1.0) * 127.5).astype(np.uint8)]


def _unit(pixels):
    return pixels / np.float32(127.5) - 1.0
