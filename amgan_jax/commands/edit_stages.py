"""The stages that photos pass through in `commands.edit`: read, edit, write, judge; or read, draw a grid."""

from collections.abc import Iterable, Iterator
import functools
import io
import pathlib
from typing import NamedTuple

import numpy as np

from amgan_jax import encoding
from amgan_jax.commands import batches
from amgan_jax.editing import photos, pictures, where
from amgan_jax.editing.editor import Editor
from amgan_jax.files import write_atomically
from amgan_jax.schema import Schema

_JUDGE = "evaluator"


class Job(NamedTuple):
    """A photo, where its edit goes, and where the overlay of its mask goes if one is asked for."""

    path: pathlib.Path
    output: pathlib.Path
    overlay: pathlib.Path | None = None


class Request(NamedTuple):
    """What is asked of every photo.

    wanted: {attribute index: value index} to have. known: the same that the photo has, whatever is read off it.
    region: where it may change, None everywhere. strength: from 0 to 1.
    """

    wanted: dict[int, int]
    known: dict[int, int]
    region: where.Region | None
    strength: float


class Seen(NamedTuple):
    """A job's photo, and what the networks see of it."""

    job: Job
    photo: photos.Photo
    letterboxed: photos.Letterboxed


class Edited(NamedTuple):
    """What the networks make of a photo: label int32 [A], confidence float32 [A], image and mask [H, W, ...]."""

    seen: Seen
    source: np.ndarray
    confidence: np.ndarray
    target: np.ndarray
    image: np.ndarray
    mask: np.ndarray


class Result(NamedTuple):
    """A photo that is done.

    read, read_confidence: [A], what the judge reads off the written picture; None without a judge.
    """

    job: Job
    source: np.ndarray
    confidence: np.ndarray
    target: np.ndarray
    read: np.ndarray | None
    read_confidence: np.ndarray | None


def edit(system: Editor, jobs: list[Job], request: Request, failures: batches.Failures) -> Iterator[Result]:
    """Edits photos, and writes them."""
    size = min(batches.BATCH, len(jobs))
    with batches.threads() as pool:
        read = functools.partial(_read, system.image_size)
        seen = failures.keep_good(batches.in_threads(pool, read, jobs))
        edited = (e for group in batches.grouped(seen, size) for e in _edit_group(system, request, group, size))
        write = functools.partial(_write, system.image_size, request)
        written = failures.keep_good(batches.in_threads(pool, write, edited))
        for group in batches.grouped(written, size):
            yield from _judge_group(system, group, size)


def draw_grids(
    system: Editor, attribute: int, jobs: list[Job], request: Request, failures: batches.Failures
) -> Iterator[Job]:
    """Writes a picture a photo: the photo, then the edits to all values of an attribute."""
    with batches.threads() as pool:
        read = functools.partial(_read, system.image_size)
        seen = failures.keep_good(batches.in_threads(pool, read, jobs))
        edited = ((each, _edit_to_all_values(system, attribute, request, each)) for each in seen)
        draw = functools.partial(_write_grid, system.schema.attributes[attribute].values, request)
        yield from failures.keep_good(batches.in_threads(pool, draw, edited))


def _read(size, job):
    photo = photos.read(job.path)
    return Seen(job, photo, photos.letterbox(photo, *size))


def _edit_group(system, request, group, size):
    image = batches.padded([seen.letterboxed.image for seen in group], size)
    source, confidence = system.classify(image)
    source = encoding.with_values(source, request.known)
    confidence = encoding.with_values(confidence, dict.fromkeys(request.known, 1.0))
    target = encoding.with_values(source, request.wanted)
    edited, mask = system.edit(image, source, target, where.attribute_of(request.region))
    rows = zip(group, source, confidence, target, edited, mask, strict=False)  # the last rows pad
    return [Edited(*row) for row in rows]


def _edit_to_all_values(system, attribute, request, seen):
    """(image [H, W, 3], mask [H, W, 1]) of each value."""
    count = system.schema.value_counts[attribute]
    image = seen.letterboxed.image[None]
    source = encoding.with_values(system.classify(image)[0], request.known)
    target = np.repeat(encoding.with_values(source, request.wanted), count, axis=0)
    target[:, attribute] = np.arange(count)
    image, source = np.repeat(image, count, axis=0), np.repeat(source, count, axis=0)
    return list(zip(*system.edit(image, source, target, where.attribute_of(request.region)), strict=True))


def _write(size, request, edited):
    seen = edited.seen
    painted = edited.image, edited.mask
    after, strength = where.composite(seen.photo, seen.letterboxed, painted, request.region, request.strength)
    if seen.job.overlay:
        mask = strength * photos.at_photos_size(edited.mask[..., 0], seen.photo, seen.letterboxed)
        photos.write(seen.job.overlay, pictures.overlay(seen.photo, mask))
    photos.write(seen.job.output, after)
    return edited._replace(seen=seen.job, image=photos.letterbox(after, *size).image, mask=None)


def _judge_group(system, group, size):
    if _JUDGE not in system.classifiers:
        return [Result(e.seen, e.source, e.confidence, e.target, None, None) for e in group]
    image = batches.padded([edited.image for edited in group], size)
    read = zip(group, *system.classify(image, readers=(_JUDGE,)), strict=False)
    return [Result(e.seen, e.source, e.confidence, e.target, *row) for e, *row in read]


def _write_grid(values, request, seen_and_edits):
    seen, edits = seen_and_edits
    photo, letterboxed = seen.photo, seen.letterboxed
    after = [where.composite(photo, letterboxed, edit, request.region, request.strength)[0] for edit in edits]
    cells = [each.pixels for each in (photo, *after)]
    picture, data = pictures.grid(cells, ["photo", *values]), io.BytesIO()
    picture.save(data, photos.format_of(seen.job.output))
    write_atomically(seen.job.output, data.getvalue())
    return seen.job


def describe(schema: Schema, result: Result) -> str:
    """What was seen, with confidence, and what was changed."""
    before, after = schema.decode(result.source.tolist()), schema.decode(result.target.tolist())
    seen = ", ".join(f"{name} {before[name]} ({result.confidence[a]:.2f})" for a, name in enumerate(schema.names))
    changes = [f"{name} {before[name]} -> {after[name]}" for name in schema.names if before[name] != after[name]]
    return f"seen: {seen}; changed: {', '.join(changes) or 'nothing, it has these values already'}"


def to_record(schema: Schema, result: Result, wanted: Iterable[int]) -> dict:
    """The result for edits.jsonl: values by name, confidences from 0 to 1."""
    record = {
        "source": schema.decode(result.source.tolist()),
        "target": schema.decode(result.target.tolist()),
        "confidence_before": _by_name(schema, result.confidence),
    }
    if result.read is None:
        return record
    return record | {
        "read": schema.decode(result.read.tolist()),
        "confidence_after": _by_name(schema, result.read_confidence),
        "as_asked": all(bool(result.read[a] == result.target[a]) for a in wanted),
    }


def _by_name(schema, confidence):
    return {name: round(float(c), 3) for name, c in zip(schema.names, confidence, strict=True)}
