"""Builds datasets: what is read and checked, then written for training."""

import collections
import contextlib
import dataclasses
import fcntl
import logging
import pathlib
import re
import shlex
import shutil
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds

from amgan_jax.datasets import foregrounds, ingest, near_copies, photo_sets
from amgan_jax.datasets.dataset import Dataset
from amgan_jax.datasets.photo_list import files_of
from amgan_jax.errors import UserError
from amgan_jax.files import local_path
from amgan_jax.input import built, fingerprint

_FEW = 20  # training photos of a value, below which it is named


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What to build, as the flags of data/build.py say.

    options: values of the dataset's own flags.
    """

    dataset: str
    options: dict[str, Any]
    source: str | None
    skip_bad: bool
    settle_copies: bool
    beam: str | None


def build(datasets: dict[str, Dataset], wanted: Wanted, data_dir: pathlib.Path) -> None:
    """Reads or renders, checks and writes a dataset.

    Raises:
      UserError: the source is not one of the dataset, photos are bad, it is built already, or cannot be written.
    """
    if datasets[wanted.dataset].read is None:
        _build_rendered(datasets[wanted.dataset], wanted, data_dir)
    else:
        _build_photos(datasets, wanted, data_dir)


def _build_rendered(found, wanted, data_dir):
    builder = found.render(data_dir=data_dir, **wanted.options)
    with _writing_to(data_dir):
        _check_new(builder)
        _prepare(builder)


def _build_photos(datasets, wanted, data_dir):
    name, found, source = wanted.dataset, datasets[wanted.dataset], local_path(wanted.source or "")
    if not wanted.source:
        raise UserError(f"--dataset={name} needs --source=DIR: {found.marks[0]} is in it")
    _check_layout(datasets, name, source)
    photo_list = found.read(source, **wanted.options)
    for note in photo_list.notes:
        print(note)
    builder = photo_sets.PhotoSet(
        name=name,
        summary=found.summary,
        photo_list=photo_list,
        watched=_digests(found, photo_list, source),
        files=fingerprint.record_files(source, files_of(photo_list.photos), photo_list.masks),
        data_dir=data_dir,
    )
    with _writing_to(data_dir):
        _check_new(builder)
        if wanted.beam is None:
            _build_here(wanted, builder, photo_list.photos, data_dir)
        else:
            _build_on_beam(wanted, builder, photo_list.photos)
    skipped = ingest.read_skipped(pathlib.Path(builder.data_dir))
    if skipped:
        print(f"{len(skipped)} photos were left out: {builder.data_dir}/skipped.csv")
    _warn_few(photo_list.schema, photo_list.photos, skipped)


def _digests(found, photo_list, source):
    """Of files whose change is to be noticed, see `photo_sets.PhotoSet`."""
    return {
        "digests": {file: fingerprint.file_digest(source / file) for file in found.watched},
        "labels": {file: fingerprint.file_digest(built.LABELS / file) for file in photo_list.labels},
    }


def _build_here(wanted, builder, photos, data_dir):
    """Builds on the cores of this machine."""
    ingested = ingest.ingest(photos, data_dir)
    if wanted.settle_copies:
        settled, notes = near_copies.settle(ingested.photos, ingested.hashes)
        ingested = dataclasses.replace(ingested, photos=settled)
        for note in notes:
            print(note)
    builder.ingested = ingested
    ingest.check(ingested.bad, {photo.split for photo in ingested.photos}, len(photos), wanted.skip_bad)
    empty, masks = ingested.nearly_empty_masks()
    if empty:
        print(
            f"{empty} of {masks} masks cover less than {foregrounds.NEARLY_EMPTY:.0%} of their photos, and count as"
            " none: a mask is white where the garment is"
        )
    _prepare(builder)


def _build_on_beam(wanted, builder, photos):
    """Builds on the workers of a Beam runner."""
    try:
        from apache_beam.options.pipeline_options import PipelineOptions

        from amgan_jax.datasets import beam_ingest
    except ImportError as error:
        raise UserError(f"--beam needs Apache Beam: pip install -e '.[beam]' ({error})") from error
    builder.ingested = beam_ingest.BeamIngest(photos, wanted.skip_bad)
    logging.getLogger("apache_beam.runners.common").setLevel(logging.CRITICAL)  # it logs what it raises again
    options = PipelineOptions(shlex.split(wanted.beam))
    try:
        _prepare(builder, tfds.download.DownloadConfig(beam_options=options))
    except Exception as error:  # runners wrap what a worker raises in errors of their own
        text = f"{type(error).__name__}: {error}"
        said = re.findall(r"^(?:\S*UserError|OSError): (.*?)(?: \[while running .*)?$", text, re.MULTILINE)
        raise (UserError(said[-1]) if said else error) from error


def _check_layout(datasets, name, source):
    """Raises UserError for a folder that is not laid out as the dataset is; names the one that it looks like."""
    if not source.is_dir():
        raise UserError(f"--source={source} is not a folder")
    marks = datasets[name].marks
    if any((source / mark).exists() for mark in marks):
        return
    sharers = collections.Counter(mark for found in datasets.values() for mark in found.marks)
    there = [(n, m) for n, found in datasets.items() for m in found.marks if (source / m).exists()]
    alike = min(there, key=lambda pair: sharers[pair[1]], default=None)  # the most telling
    hint = f"it has {alike[1]} and looks like --dataset={alike[0]}" if alike else "is --source right?"
    raise UserError(f"{source} is no {name}, which has {' or '.join(marks)}: {hint}")


@contextlib.contextmanager
def _writing_to(data_dir):
    """Keeps other builds into this folder waiting, and turns what the disk refuses into a UserError."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with (data_dir / ".amgan_jax.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # which goes with the process
            yield
    except (OSError, tf.errors.OpError, RuntimeError) as error:
        cause = error.__cause__ if isinstance(error, RuntimeError) else error  # which TFDS wraps
        if not isinstance(cause, (OSError, tf.errors.OpError)):
            raise
        reason = cause.message if isinstance(cause, tf.errors.OpError) else cause.strerror or cause
        raise UserError(f"cannot write the dataset to {data_dir}: {reason}") from error


def _check_new(builder):
    """Raises UserError for what is built already; removes what a build that was killed has left."""
    folder = pathlib.Path(builder.data_dir)
    if folder.exists():
        raise UserError(f"{folder} is built already: remove it to build it again")
    for left in folder.parent.glob(f"incomplete.*{folder.name}"):
        shutil.rmtree(left)


def _prepare(builder, download_config=None):
    builder.download_and_prepare(download_config=download_config)
    counts = ", ".join(f"{split.num_examples} {name}" for name, split in builder.info.splits.items())
    print(f"built {builder.data_dir}: {counts}")


def _warn_few(schema, photos, skipped):
    """Names values that training has hardly seen."""
    trained = [photo.label for photo in photos if photo.split == "train" and photo.where not in skipped]
    few = []
    for a, attribute in enumerate(schema.attributes):
        counts = collections.Counter(label[a] for label in trained)
        few += [f"{attribute.name}={value} {counts[v]}" for v, value in enumerate(attribute.values) if counts[v] < _FEW]
    if few:
        print(f"few training photos, expect little of these values: {', '.join(few)}")
