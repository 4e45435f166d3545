"""Whether edits show, and whether the rest stays: both as the evaluator sees it.

edit_accuracy/<attribute>: share of edits of the attribute after which the evaluator
reads the value that was asked for. preservation/<attribute>: share of edits of other
attributes after which it still reads the attribute's own value, where that is known.
"""

import numpy as np

from amgan_jax.attributes import UNKNOWN
from amgan_jax.evaluators.common import BaseMeasure, Tally


class Measure(BaseMeasure):
    def __init__(self, context):
        super().__init__(context)
        self._edited, self._preserved = Tally(), Tally()

    def add_edits(self, edits):
        right = edits.judged == edits.target
        for a, name in enumerate(self.context.schema.names):
            if a == edits.attribute:
                self._edited.add(name, right[:, a])
            else:
                known = edits.source[:, a] != UNKNOWN
                self._preserved.add(name, right[known, a])

    def result(self):
        figures = {}
        for group, tally in (("edit_accuracy", self._edited), ("preservation", self._preserved)):
            means = tally.means()
            figures |= {f"{group}/{name}": value for name, value in means.items()}
            if means:  # a schema of one attribute has nothing else to preserve
                figures[f"{group}/mean"] = float(np.mean(list(means.values())))
        return figures
