"""Builds a dataset for training.

python data/build.py --dataset=synthetic_garments --height=64 --width=64
python data/build.py --dataset=manifest --source=DIR     (DIR/labels.csv, see data/manifest.py)
python data/build.py --dataset=deepfashion --source=DIR  (as published; docs/datasets.md has all)
"""

import collections
import contextlib
import dataclasses
import fcntl
import logging
import os
import pathlib
import re
import shlex
import shutil
import threading

from absl import flags
import tensorflow as tf
import tensorflow_datasets as tfds

from amgan_jax import cli, fingerprint, input_pipeline
from amgan_jax.errors import UserError
from amgan_jax.workdir import local_path
import dataset
import ingest
import near_copies
from photo_list import has_file
import photo_sets

_FEW = 20  # training photos of a value, below which it is named
_OF_PHOTOS = ("source", "skip_bad", "beam", "settle_copies")  # flags that datasets which are read from a source take


def define_flags():
    """Not at import: another program may import this module and have flags of its own."""
    datasets = dataset.find()
    flags.DEFINE_enum("dataset", None, list(datasets), "What to build.")
    flags.DEFINE_string("source", None, "Folder of the dataset's files; rendered garments need none.")
    flags.DEFINE_string("data_dir", None, "Where built datasets go. Default: where TFDS keeps its own.")
    flags.DEFINE_bool("skip_bad", False, "Leave photos out that cannot be used, and list them in skipped.csv.")
    flags.DEFINE_bool(
        "settle_copies",
        True,
        "Of photos: name those that are nearly the same picture as one of another split, and move them into that split"
        " where the source gives none. Not with --beam.",
    )
    flags.DEFINE_string(
        "beam", None, "Of photos: build on Apache Beam with these pipeline options, such as '--runner=DirectRunner'."
    )
    flags.DEFINE_bool(
        "end_with_input",
        False,
        "End when standard input closes: for the command that starts this one and waits for it.",
    )
    for define in {found.define_flags for found in datasets.values()}:
        define()
    for flag in {flag for found in datasets.values() for flag in found.flags}:
        flags.declare_key_flag(flag)  # which --help shows
    flags.mark_flag_as_required("dataset")


def main(argv):
    del argv
    if flags.FLAGS.end_with_input:
        threading.Thread(target=_end_with_input, daemon=True).start()
    datasets, name = dataset.find(), flags.FLAGS.dataset
    _check_flags(datasets, name)
    data_dir = local_path(flags.FLAGS.data_dir or tfds.core.constants.DATA_DIR)
    if datasets[name].read is None:
        _build_rendered(datasets[name], data_dir)
    else:
        _build_photos(datasets, name, data_dir)


def _end_with_input():
    while os.read(0, 1024):
        pass
    os._exit(1)  # what is half built is removed by the next build


def _check_flags(datasets, name):
    """Raises UserError for a flag that the dataset does not take, and that would be without effect."""
    taken_by = collections.defaultdict(list)
    for other, found in datasets.items():
        for flag in (*found.flags, *(_OF_PHOTOS if found.read else ())):
            taken_by[flag].append(other)
    for flag, takers in taken_by.items():
        if flags.FLAGS[flag].value != flags.FLAGS[flag].default and name not in takers:
            raise UserError(f"--dataset={name} takes no --{flag}, which is for {', '.join(takers)}")


def _values(found):
    """Of a dataset's own flags, by name."""
    return {flag: flags.FLAGS[flag].value for flag in found.flags}


def _build_rendered(found, data_dir):
    builder = found.render(data_dir=data_dir, **_values(found))
    with _writing_to(data_dir):
        _check_new(builder)
        _prepare(builder)


def _build_photos(datasets, name, data_dir):
    found, source = datasets[name], local_path(flags.FLAGS.source or "")
    if not flags.FLAGS.source:
        raise UserError(f"--dataset={name} needs --source=DIR: {found.marks[0]} is in it")
    _check_layout(datasets, name, source)
    photo_list = found.read(source, **_values(found))
    digests = {file: input_pipeline.source_digest(source / file) for file in found.watched}
    for note in photo_list.notes:
        print(note)
    files = fingerprint.record_files(source, [photo.read.path for photo in photo_list.photos if has_file(photo)])
    builder = photo_sets.PhotoSet(
        name=name, summary=found.summary, photo_list=photo_list, digests=digests, files=files, data_dir=data_dir
    )
    with _writing_to(data_dir):
        _check_new(builder)
        if flags.FLAGS.beam is None:
            _build_here(builder, photo_list.photos, data_dir)
        else:
            _build_on_beam(builder, photo_list.photos)
    skipped = ingest.read_skipped(pathlib.Path(builder.data_dir))
    if skipped:
        print(f"{len(skipped)} photos were left out: {builder.data_dir}/skipped.csv")
    _warn_few(photo_list.schema, photo_list.photos, skipped)


def _build_here(builder, photos, data_dir):
    """Builds on the cores of this machine."""
    ingested = ingest.ingest(photos, data_dir)
    if flags.FLAGS.settle_copies:
        settled, notes = near_copies.settle(ingested.photos, ingested.hashes)
        ingested = dataclasses.replace(ingested, photos=settled)
        for note in notes:
            print(note)
    builder.ingested = ingested
    ingest.check(ingested.bad, {photo.split for photo in ingested.photos}, len(photos), flags.FLAGS.skip_bad)
    _prepare(builder)


def _build_on_beam(builder, photos):
    """Builds on the workers of a Beam runner."""
    try:
        from apache_beam.options.pipeline_options import PipelineOptions

        import beam_ingest
    except ImportError as error:
        raise UserError(f"--beam needs Apache Beam: pip install -e '.[beam]' ({error})") from error
    builder.ingested = beam_ingest.BeamIngest(photos, flags.FLAGS.skip_bad)
    logging.getLogger("apache_beam.runners.common").setLevel(logging.CRITICAL)  # it logs what it raises again
    options = PipelineOptions(shlex.split(flags.FLAGS.beam))
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


if __name__ == "__main__":
    define_flags()
    cli.run(main)
