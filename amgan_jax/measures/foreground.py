"""How well the attention network finds the garment.

foreground/iou: where it says over 0.5 against where the mask is over 0.5: their overlap as a share of what
either covers, mean over the images whose foreground is known. No figure where the network has not learnt it.
"""

from amgan_jax.measures.contract import BaseMeasure, Context, Figure, Images
from amgan_jax.measures.counterfactual import iou
from amgan_jax.measures.intervals import Tally


class Measure(BaseMeasure):
    def __init__(self, context: Context):
        super().__init__(context)
        self._tally = Tally()

    def add_images(self, images: Images) -> None:
        if images.foreground is None:
            return
        found = self.context.editor.foreground(images.image)
        if found is None:
            return
        known = images.foreground[:, 0, 0, 0] >= 0.0
        self._tally.add("iou", images.row[known], iou(found > 0.5, images.foreground > 0.5)[known])

    def result(self) -> dict[str, Figure]:
        return self._tally.figures("foreground")
