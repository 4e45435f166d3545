"""Whether edits show, and whether the rest stays: both as the evaluator sees it.

edit_accuracy/<attribute>: share of edits of the attribute after which the evaluator
reads the value that was asked for. preservation/<attribute>: share of edits of other
attributes after which it still reads the attribute's own value, where that is known.
Tables: edit accuracy by source value (rows) and target value (columns).
"""

import numpy as np

from amgan_jax.measures.contract import BaseMeasure, Context, Edits, Figure, Table
from amgan_jax.measures.intervals import Tally
from amgan_jax.schema import UNKNOWN


class Measure(BaseMeasure):
    def __init__(self, context: Context):
        super().__init__(context)
        self._edited, self._preserved = Tally(), Tally()
        counts = context.schema.value_counts
        self._tried = [np.zeros((n, n)) for n in counts]
        self._reached = [np.zeros((n, n)) for n in counts]

    def add_edits(self, edits: Edits) -> None:
        right = edits.reading.label == edits.target
        source = edits.images.label
        for a, name in enumerate(self.context.schema.names):
            asked, kept = edits.asked[:, a], ~edits.asked[:, a] & (source[:, a] != UNKNOWN)
            self._edited.add(name, edits.images.row[asked], right[asked, a])
            self._preserved.add(name, edits.images.row[kept], right[kept, a])
            place = (source[asked, a], edits.target[asked, a])
            np.add.at(self._tried[a], place, 1)
            np.add.at(self._reached[a], place, right[asked, a])

    def result(self) -> dict[str, Figure]:
        edited = self._edited.figures("edit_accuracy", mean="edit_accuracy/mean")
        return edited | self._preserved.figures("preservation", mean="preservation/mean")

    def tables(self) -> dict[str, Table]:
        tables = {}
        for attribute, tried, reached in zip(self.context.schema.attributes, self._tried, self._reached, strict=True):
            with np.errstate(invalid="ignore"):
                cells = reached / tried
            tables[f"edit_accuracy/{attribute.name}"] = Table(attribute.values, attribute.values, cells)
        return tables
