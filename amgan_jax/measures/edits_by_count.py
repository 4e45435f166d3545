"""Edits of several attributes at once: k of them, drawn for each image, for k = 1 to all.

As the evaluator reads them, with the share of edits or of values:
edits/k<k>/each: asked values that are read; edits/k<k>/all: edits all of whose asked values are read;
edits/k<k>/preserved: values not asked for that are read as labelled, where that is known; edits/k<k>/exact: edits
all of whose asked values are read, and every other value as off the unedited image.
edits/k<k>/psnr, of rendered garments: dB against the truth; psnr_unedited: of the image as it was.
edits/k<k>/in_turn/...: the same edits made one attribute after another, from k = 2.
"""

import numpy as np

from amgan_jax.measures.contract import BaseMeasure, Chart, Context, Edits, Figure
from amgan_jax.measures.counterfactual import psnr, truth_and_region
from amgan_jax.measures.intervals import Tally
from amgan_jax.schema import UNKNOWN

_SHARES = ("each", "all", "preserved", "exact")


class Measure(BaseMeasure):
    def __init__(self, context: Context):
        super().__init__(context)
        self._tally = Tally()

    def add_sets(self, count: int, at_once: Edits, in_turn: Edits) -> None:
        truth = None if at_once.images.nuisance is None else truth_and_region(at_once)[0]  # of both, which ask the same
        self._add(f"k{count}", at_once, truth)
        if truth is not None:
            self._add_psnr(f"k{count}/psnr_unedited", at_once.images.row, truth, at_once.images.image)
        if count > 1:
            self._add(f"k{count}/in_turn", in_turn, truth)

    def _add(self, name, edits, truth):
        row, asked = edits.images.row, edits.asked
        right = edits.reading.label == edits.target
        same = edits.reading.label == edits.images.reading.label
        all_right = np.all(right | ~asked, axis=1)
        kept = ~asked & (edits.images.label != UNKNOWN)
        self._tally.add(f"{name}/each", np.repeat(row, asked.sum(axis=1)), right[asked])
        self._tally.add(f"{name}/all", row, all_right)
        self._tally.add(f"{name}/preserved", np.repeat(row, kept.sum(axis=1)), right[kept])
        self._tally.add(f"{name}/exact", row, all_right & np.all(same | asked, axis=1))
        if truth is not None:
            self._add_psnr(f"{name}/psnr", row, truth, edits.edited)

    def _add_psnr(self, name, row, truth, pictures):
        self._tally.add(name, row, [psnr(*pair) for pair in zip(truth, pictures, strict=True)])

    def result(self) -> dict[str, Figure]:
        return self._tally.figures("edits")

    def charts(self) -> dict[str, Chart]:
        figures = {name: figure.value for name, figure in self.result().items()}
        counts = range(1, 1 + len(self.context.schema.attributes))

        def line(way, share):
            return [figures.get(f"edits/k{count}{way}/{share}", np.nan) for count in counts]

        ways = {"one pass": "", "one after another": "/in_turn"}
        lines = {f"{share}, {words}": line(way, share) for share in _SHARES for words, way in ways.items()}
        return {"edits by number of attributes": Chart("attributes asked for", list(counts), lines)}
