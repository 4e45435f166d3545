"""What a measure is, and the one pass over the test images that feeds all measures.

A measure is a file in this folder with a class `Measure`, named in
`config.evaluate.measures`.
"""

from collections.abc import Callable, Iterator
import dataclasses
import importlib
import importlib.util

import numpy as np

from amgan_jax.attributes import UNKNOWN, Schema
from amgan_jax.editor import Editor
from amgan_jax.errors import UserError

Batch = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Context:
    """What measures work with.

    editor: the system under test.
    judge: maps images float32 [B, H, W, 3] in [-1, 1] to labels int32 [B, A]: the evaluator,
      which the generator never saw.
    """

    schema: Schema
    editor: Editor
    judge: Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Edits:
    """One edit of each image of a batch, all of one attribute; padding is left out.

    image, edited: float32 [B, H, W, 3] in [-1, 1]; mask: float32 [B, H, W, 1] in [0, 1].
    source, target, judged: int32 [B, A]; judged is what the evaluator reads off the edited images.
    attribute: index of the edited attribute.
    nuisance: int32 [B, 2] of rendered garments, else None.
    """

    image: np.ndarray
    edited: np.ndarray
    mask: np.ndarray
    source: np.ndarray
    target: np.ndarray
    judged: np.ndarray
    attribute: int
    nuisance: np.ndarray | None


class BaseMeasure:
    """A measure sees every test image and every edit once, then gives its figures.

    needs_nuisance: whether it can measure rendered garments only.
    """

    needs_nuisance = False

    def __init__(self, context: Context):
        self.context = context

    def add_images(self, batch: Batch) -> None:
        """Takes unedited test images: image, label and, of rendered garments, nuisance."""

    def add_edits(self, edits: Edits) -> None:
        """Takes edits of test images."""

    def result(self) -> dict[str, float]:
        """The figures, by flat name."""
        raise NotImplementedError


class Tally:
    """Sums and counts by name, and their means."""

    def __init__(self):
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, name: str, values: np.ndarray) -> None:
        """Adds values to a name's mean."""
        self._sums[name] = self._sums.get(name, 0.0) + float(np.sum(values, dtype=np.float64))
        self._counts[name] = self._counts.get(name, 0) + np.size(values)

    def means(self) -> dict[str, float]:
        """The mean of each name that has values."""
        return {name: total / self._counts[name] for name, total in self._sums.items() if self._counts[name]}


def find_measures(names) -> list[type[BaseMeasure]]:
    """The classes of the measures of the given names.

    Raises:
      UserError: there is no such file in this folder.
    """
    classes = []
    for name in names:
        module = f"{__package__}.{name}"
        if not name.isidentifier() or importlib.util.find_spec(module) is None:
            raise UserError(f"unknown measure {name!r} in evaluate.measures: there is no evaluators/{name}.py")
        classes.append(importlib.import_module(module).Measure)
    return classes


def measure(measures: list[BaseMeasure], context: Context, batches: Iterator[Batch], seed: int) -> dict[str, float]:
    """Feeds all test images, and an edit of each attribute of each image, to the measures.

    Args:
      measures: to feed.
      context: theirs.
      batches: of `train.Source.evaluation_batches`.
      seed: of the target values, each drawn evenly from the values that the image does not have.
    """
    for padded in batches:
        batch = {name: x[padded["mask"]] for name, x in padded.items()}
        for m in measures:
            m.add_images(batch)
        for attribute in range(len(context.schema.attributes)):
            edits = _edit(context, padded, attribute, seed)
            if edits is not None:
                for m in measures:
                    m.add_edits(edits)
    return {name: value for m in measures for name, value in m.result().items()}


def _edit(context, batch, attribute, seed):
    """Edits one attribute of each image whose value of it is known; None where none is."""
    count = context.schema.value_counts[attribute]
    source = batch["label"]
    # Drawn an image at a time, so that the batch size changes no target.
    shift = np.array([np.random.default_rng([seed, row, attribute]).integers(1, count) for row in batch["row"]])
    target = source.copy()
    target[:, attribute] = (source[:, attribute] + shift) % count
    keep = batch["mask"] & (source[:, attribute] != UNKNOWN)
    if not keep.any():
        return None
    edited, mask = context.editor.edit(batch["image"], source, target)
    judged = context.judge(edited)
    nuisance = batch["nuisance"][keep] if "nuisance" in batch else None
    return Edits(
        batch["image"][keep], edited[keep], mask[keep], source[keep], target[keep], judged[keep], attribute, nuisance
    )
