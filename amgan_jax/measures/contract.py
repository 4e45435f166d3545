"""What a measure is, and the one pass over a split's images that feeds all measures.

A measure is a file in this folder with a class `Measure`, named in
`config.evaluate.measures`.
"""

from collections.abc import Callable, Iterable, Iterator
import dataclasses
import importlib
import importlib.util
from typing import NamedTuple

import jax
import numpy as np
from numpy.typing import ArrayLike

from amgan_jax.editing.editor import Editor
from amgan_jax.errors import UserError
from amgan_jax.input.source import Queries
from amgan_jax.schema import UNKNOWN, Schema
from amgan_jax.types import Batch

_RESAMPLES = 1000  # of the bootstrap


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
    """

    image: np.ndarray
    row: np.ndarray
    label: np.ndarray
    source: np.ndarray
    reading: Reading
    nuisance: np.ndarray | None


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


class Tally:
    """Values by name and image: their means, and intervals of these."""

    def __init__(self):
        self._added: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}

    def add(self, name: str, row: np.ndarray, values: ArrayLike) -> None:
        """Adds a value [B] of each image [B] to a name."""
        self._added.setdefault(name, []).append((np.asarray(row), np.asarray(values, np.float64)))

    def figures(self, group: str, mean: str | None = None) -> dict[str, Figure]:
        """ "<group>/<name>" of each name and, under the key `mean`, the mean over names.

        A name whose key that is has " (attribute)" behind it.

        Images are resampled, not values: all of an image's values come and go together.
        """
        names = [name for name, added in self._added.items() if sum(len(row) for row, _ in added)]
        if not names:
            return {}
        sums, counts = self._by_image(names)
        values = _means(sums.sum(1), counts.sum(1))
        low, high = np.nanpercentile(_resample(sums, counts), [2.5, 97.5], axis=0)
        keys = [mean, *(f"{group}/{name}" for name in names)]
        keys[1:] = [f"{key} (attribute)" if key == mean else key for key in keys[1:]]  # one that is called mean
        return {key: Figure(*map(float, row)) for key, *row in zip(keys, values, low, high, strict=True) if key}

    def _by_image(self, names):
        """Sums and counts [names, images] of the values."""
        rows = [np.concatenate([row for row, _ in self._added[name]]) for name in names]
        images, places = np.unique(np.concatenate(rows), return_inverse=True)
        places = np.split(places, np.cumsum([len(row) for row in rows])[:-1])
        sums, counts = np.zeros((2, len(names), len(images)))
        for i, name in enumerate(names):
            np.add.at(sums[i], places[i], np.concatenate([values for _, values in self._added[name]]))
            np.add.at(counts[i], places[i], 1.0)
        return sums, counts


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


def feed(measures: list[BaseMeasure], context: Context, batches: Iterator[Batch], seed: int) -> None:
    """Feeds all images of a split, and edits of each, to the measures that take them.

    The edits are one of each attribute, and one of each number of attributes, these drawn for each image.

    Args:
      measures: to feed.
      context: theirs.
      batches: of `input.source.Source.evaluation_batches`.
      seed: of the target values, each drawn evenly from the values that the image does not have.
    """
    attributes = len(context.schema.attributes)
    for padded in batches:
        read = _images(context, padded)
        for m in measures:
            m.add_images(_keep(read, padded["valid"]))
        for attribute in range(attributes) if _take(measures, "add_edits") else ():
            edits = _edit(context, read, padded["valid"], attribute, seed)
            if len(edits.target):
                for m in measures:
                    m.add_edits(edits)
        for count in range(1, attributes + 1) if _take(measures, "add_sets") else ():
            at_once, in_turn = _edit_sets(context, read, padded["valid"], count, seed)
            if len(at_once.target):
                for m in measures:
                    m.add_sets(count, at_once, in_turn)
        for edits in _queried(context, read, padded["valid"]) if _take(measures, "add_queries") else ():
            for m in measures:
                m.add_queries(edits)


def _take(measures, method):
    """Whether any of the measures has such a method of its own."""
    return any(getattr(type(m), method) is not getattr(BaseMeasure, method) for m in measures)


def results(measures: list[BaseMeasure]) -> dict[str, Figure]:
    """The figures of all measures; UserError where one is not finite."""
    figures = {name: figure for m in measures for name, figure in m.result().items()}
    for name, figure in figures.items():
        if not np.isfinite(figure.value):
            raise UserError(f"{name} is {figure.value}, not a finite number: is the generator trained, and finite?")
    return figures


def _images(context, batch):
    image, label = batch["image"], batch["label"]
    # Not as `classify` reads it by default, which asks the judge too.
    source = context.editor.classify(image, ("attention",))[0] if context.read_source else label
    return Images(image, batch["row"], label, source, context.judge(image), batch.get("nuisance"))


def _edit(context, images, valid, attribute, seed):
    """Edits one attribute of each image that is not padding and whose value of it is known."""
    count = context.schema.value_counts[attribute]
    # Drawn an image at a time, so that the batch size changes no target.
    shift = np.array([np.random.default_rng([seed, row, attribute]).integers(1, count) for row in images.row])
    target = images.label.copy()
    target[:, attribute] = (images.label[:, attribute] + shift) % count
    keep = valid & (images.label[:, attribute] != UNKNOWN)
    return _keep(_edit_to(context, images, target), keep)


def _edit_sets(context, images, valid, count, seed):
    """Edits `count` attributes of each image that is not padding and has as many known: (in one pass, in turn)."""
    target = np.stack(
        [_set_target(context, *image, count, seed) for image in zip(images.row, images.label, strict=True)]
    )
    keep = valid & (np.sum(images.label != UNKNOWN, axis=1) >= count)
    at_once = _edit_to(context, images, target, in_turn=())
    in_turn = _edit_to(context, images, target, in_turn=(count,)) if count > 1 else at_once  # one is one pass
    return _keep(at_once, keep), _keep(in_turn, keep)


def _set_target(context, row, label, count, seed):
    """An image's label with other values of `count` attributes, or of all that are known where these are fewer."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(row, count)))
    shift = rng.integers(1, context.schema.value_counts)
    lot = np.where(label != UNKNOWN, rng.random(len(label)), -1.0)
    chosen = (np.argsort(np.argsort(-lot)) < count) & (label != UNKNOWN)
    return np.where(chosen, (label + shift) % context.schema.value_counts, label).astype(np.int32)


def _edit_to(context, images, target, in_turn=None):
    """Edits images to targets [B, A]; in_turn as in `Editor.edit`."""
    # What is not to change is asked for as the source has it, rightly read or not.
    stays = (target == images.label) | (target == UNKNOWN)
    wanted = np.where(stays, images.source, target)
    edited, painted = context.editor.edit(images.image, images.source, wanted, in_turn=in_turn)
    return Edits(images, edited, painted, target, ~stays, context.judge(edited))


def _queried(context, images, valid):
    """The published edits of the images that are not padding, as many at once as there are images."""
    if context.queries is None:
        return
    size = len(valid)
    asked = np.flatnonzero(np.isin(context.queries.row, images.row[valid]))
    place = np.searchsorted(images.row[valid], context.queries.row[asked])  # rows are in order
    for start in range(0, len(asked), size):
        keep = np.arange(start, start + size) < len(asked)
        chunk = np.minimum(np.arange(start, start + size), len(asked) - 1)
        edits = _edit_to(context, _keep(images, place[chunk]), context.queries.target[asked[chunk]])
        yield _keep(edits, keep)


def _keep(tree, keep_B):
    """The rows to keep of all arrays."""
    return jax.tree.map(lambda x: x[keep_B] if np.ndim(x) else x, tree)


def _means(sums, counts):
    """The mean over names, then each name's mean; NaN where there is no value."""
    with np.errstate(invalid="ignore"):
        means = sums / counts
    known = means[~np.isnan(means)]
    return np.concatenate([[known.mean() if len(known) else np.nan], means])


def _resample(sums, counts):
    """`_means` of images drawn with replacement, [_RESAMPLES, 1 + names]."""
    rng = np.random.default_rng(0)
    size = sums.shape[1]
    drawn = (rng.integers(size, size=size) for _ in range(_RESAMPLES))
    return np.stack([_means(sums[:, rows].sum(1), counts[:, rows].sum(1)) for rows in drawn])
