"""How well attributes are read off unedited images.

classifier_accuracy/<attribute>: the product's, which pools the attention network and the evaluator.
evaluator_accuracy/<attribute>: the evaluator's alone, without which the scores of edits say
nothing. Over the images whose value is known. Tables: the confusion of both,
a row a true value, as shares of the row.
"""

import numpy as np

from amgan_jax.measures.contract import BaseMeasure, Context, Figure, Images, Table
from amgan_jax.measures.intervals import Tally
from amgan_jax.schema import UNKNOWN


class Measure(BaseMeasure):
    def __init__(self, context: Context):
        super().__init__(context)
        self._tallies = {"classifier": Tally(), "evaluator": Tally()}
        counts = context.schema.value_counts
        self._confusion = {reader: [np.zeros((n, n)) for n in counts] for reader in self._tallies}

    def add_images(self, images: Images) -> None:
        read = self.context.editor.classify(images.image)[0]
        predictions = {"classifier": read, "evaluator": images.reading.label}
        for reader, predicted in predictions.items():
            for a, name in enumerate(self.context.schema.names):
                known = images.label[:, a] != UNKNOWN
                label, read = images.label[known, a], predicted[known, a]
                self._tallies[reader].add(name, images.row[known], read == label)
                np.add.at(self._confusion[reader][a], (label, read), 1)

    def result(self) -> dict[str, Figure]:
        figures = {}
        for reader, tally in self._tallies.items():
            figures |= tally.figures(f"{reader}_accuracy", mean=f"{reader}_accuracy/mean")
        return figures

    def tables(self) -> dict[str, Table]:
        return {
            f"{reader}_confusion/{attribute.name}": Table(attribute.values, attribute.values, _shares(counts))
            for reader, confusion in self._confusion.items()
            for attribute, counts in zip(self.context.schema.attributes, confusion, strict=True)
        }


def _shares(counts):
    with np.errstate(invalid="ignore"):
        return counts / counts.sum(axis=1, keepdims=True)
