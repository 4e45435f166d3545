"""What a measure is.

A measure is a file in this folder with a class `Measure`, named in
`config.evaluate.measures`.
"""

from collections.abc import Callable, Iterable
import dataclasses
import importlib
import importlib.util
from typing import NamedTuple

import numpy as np

from amgan_jax.editing.editor import Editor
from amgan_jax.errors import UserError
from amgan_jax.input.source import Queries
from amgan_jax.schema import Schema


class Reading(NamedTuple):
    """What a classifier sees in images.

    label: int32 [B, A].
    features: float32 [B, C], the last feature map, spatially pooled.
    feature_maps: [B, h, w, C] each, the finest first.
    """

    label: np.ndarray
    features: np.ndarray
    feature_maps: list[np.ndarray]


Judge = Callable[[np.ndarray], Reading]


@dataclasses.dataclass(frozen=True)
class Context:
    """What measures work with.

    editor: the system under test.
    judge: reads images float32 [B, H, W, 3] in [-1, 1]: the evaluator, which the generator
      was not trained with.
    queries: edits that the dataset's publisher asks for; None where there are none.
    read_source: whether edits start from the values that the attention network reads, not from labels.
    """

    schema: Schema
    editor: Editor
    judge: Judge
    queries: Queries | None = None
    read_source: bool = False


class Images(NamedTuple):
    """Unedited images of a split, without padding.

    image: float32 [B, H, W, 3] in [-1, 1]; row: int [B], their places in the split; label: int32 [B, A].
    source: int32 [B, A], the values that edits start from: the label, or what the attention network reads.
    reading: the evaluator's. nuisance: int32 [B, 2] of rendered garments, else None.
    foreground: float32 [B, H, W, 1], see `input.source.Source`, where the attention network learns it, else None.
    """

    image: np.ndarray
    row: np.ndarray
    label: np.ndarray
    source: np.ndarray
    reading: Reading
    nuisance: np.ndarray | None
    foreground: np.ndarray | None = None


class Edits(NamedTuple):
    """One edit of each of `images`.

    edited: float32 [B, H, W, 3] in [-1, 1]; mask: float32 [B, H, W, 1] in [0, 1].
    target: int32 [B, A], the images' labels but for what was asked.
    asked: bool [B, A], the attributes that the edit asks for.
    reading: what the evaluator sees in the edited images.
    """

    images: Images
    edited: np.ndarray
    mask: np.ndarray
    target: np.ndarray
    asked: np.ndarray
    reading: Reading

    @property
    def attribute(self) -> int:
        """Index of the attribute of edits of one attribute, the same of all images."""
        return int(np.argmax(self.asked[0]))


class Figure(NamedTuple):
    """A figure and its 95% interval by bootstrap over images, where it has one."""

    value: float
    low: float | None = None
    high: float | None = None


class Table(NamedTuple):
    """Figures by two values, to be drawn as a heat map: cells [rows, columns]; NaN where there is nothing."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: np.ndarray


class Chart(NamedTuple):
    """Lines over one axis, which is named, to be drawn: lines {name: [values]}; NaN where there is none."""

    axis: str
    places: list[float]
    lines: dict[str, list[float]]


class BaseMeasure:
    """A measure sees every image and every edit once, then gives its figures.

    needs_nuisance: whether it can measure rendered garments only.
    """

    needs_nuisance = False

    def __init__(self, context: Context):
        self.context = context

    def add_images(self, images: Images) -> None:
        """Takes unedited images."""

    def add_edits(self, edits: Edits) -> None:
        """Takes edits of one attribute, the same of all images."""

    def add_sets(self, count: int, at_once: Edits, in_turn: Edits) -> None:
        """Takes edits of `count` attributes of each image in one pass, and the same ones one after another."""

    def add_queries(self, edits: Edits) -> None:
        """Takes edits that published queries ask for."""

    def result(self) -> dict[str, Figure]:
        """The figures, by flat name."""
        raise NotImplementedError

    def tables(self) -> dict[str, Table]:
        """Figures by two values, by name."""
        return {}

    def charts(self) -> dict[str, Chart]:
        """Figures over one axis, by name."""
        return {}


def find_measures(names: Iterable[str]) -> list[type[BaseMeasure]]:
    """The classes of the measures of the given names.

    Raises:
      UserError: there is no such file in this folder.
    """
    classes = []
    for name in names:
        module = f"{__package__}.{name}"
        found = name.isidentifier() and importlib.util.find_spec(module) is not None
        measure_class = getattr(importlib.import_module(module), "Measure", None) if found else None
        if measure_class is None:
            raise UserError(f"unknown measure {name!r} in config.evaluate: no measures/{name}.py has a Measure")
        classes.append(measure_class)
    return classes
