"""How well attributes are read off unedited images.

classifier_accuracy/<attribute>: the attention network's, which is the product's
classifier. evaluator_accuracy/<attribute>: the evaluator's, without which the scores of
edits say nothing. Over the images whose value is known.
"""

from amgan_jax.attributes import UNKNOWN
from amgan_jax.evaluators.common import BaseMeasure, Tally


class Measure(BaseMeasure):
    def __init__(self, context):
        super().__init__(context)
        self._accuracies = {"classifier_accuracy": Tally(), "evaluator_accuracy": Tally()}

    def add_images(self, batch):
        predictions = (self.context.editor.classify(batch["image"])[0], self.context.judge(batch["image"]))
        for tally, predicted in zip(self._accuracies.values(), predictions, strict=True):
            for a, name in enumerate(self.context.schema.names):
                known = batch["label"][:, a] != UNKNOWN
                tally.add(name, predicted[known, a] == batch["label"][known, a])

    def result(self):
        figures = {}
        for group, tally in self._accuracies.items():
            means = tally.means()
            figures |= {f"{group}/{name}": value for name, value in means.items()}
            if means:
                figures[f"{group}/mean"] = sum(means.values()) / len(means)
        return figures
