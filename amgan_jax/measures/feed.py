"""The one pass over a split's images that feeds all measures."""

from collections.abc import Iterator

import jax
import numpy as np

from amgan_jax.measures.contract import BaseMeasure, Context, Edits, Images
from amgan_jax.schema import UNKNOWN
from amgan_jax.types import Batch


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


def _images(context, batch):
    image, label = batch["image"], batch["label"]
    # Not as `classify` reads it by default, which asks the judge too.
    source = context.editor.classify(image, ("attention",))[0] if context.read_source else label
    known = (batch.get(name) for name in ("nuisance", "foreground"))
    return Images(image, batch["row"], label, source, context.judge(image), *known)


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
