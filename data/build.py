"""Builds a dataset for training.

python data/build.py --dataset=synthetic_garments --height=64 --width=64
python data/build.py --dataset=manifest --source=DIR     (DIR/labels.csv, see data/manifest.py)
python data/build.py --dataset=deepfashion --source=DIR  (as published; docs/datasets.md has all)
"""

import collections
from collections.abc import Sequence
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

from amgan_jax.commands import cli
from amgan_jax.errors import UserError
from amgan_jax.input import fingerprint, tfdata
from amgan_jax.workdir import local_path
import celeb_a
import deepfashion
import ingest
import labelled_photos
import manifest
import near_copies
from photo_list import SPLITS, has_file
import photo_sets
import shapes3d
import shopping100k
import synthetic_garments

_HERE = pathlib.Path(__file__).parent
_BUILDERS = {
    "fashion_products": photo_sets.FashionProducts,
    "clothing_attributes": photo_sets.ClothingAttributes,
    "deepfashion": photo_sets.Deepfashion,
    "shopping100k": photo_sets.Shopping100k,
    "manifest": photo_sets.Manifest,
    "celeb_a": photo_sets.CelebA,
    "shapes3d": photo_sets.Shapes3d,
}
# What of a source tells its layout.
_MARKS = {
    "manifest": ("labels.csv",),
    "deepfashion": ("Anno_fine", "Anno_coarse", "Anno/list_attr_cloth.txt"),
    "shopping100k": ("attr_num.txt",),
    "celeb_a": ("list_attr_celeba.txt", "Anno/list_attr_celeba.txt", "list_attr_celeba.csv"),
    "shapes3d": ("3dshapes.h5",),
    "fashion_products": ("images",),
    "clothing_attributes": ("images",),
}
_LABELLED = ("fashion_products", "clothing_attributes")  # by this project
_WATCHED = {"manifest": ("labels.csv", "schema.json")}  # files that people go on editing
_FEW = 20  # training photos of a value, below which it is named

_DATASET = flags.DEFINE_enum("dataset", None, ["synthetic_garments", *_BUILDERS], "What to build.")
_SOURCE = flags.DEFINE_string("source", None, "Folder of the dataset's files; rendered garments need none.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where built datasets go. Default: where TFDS keeps its own.")
_SKIP_BAD = flags.DEFINE_bool("skip_bad", False, "Leave photos out that cannot be used, and list them in skipped.csv.")
_LABELS = flags.DEFINE_string(
    "labels", None, "Of fashion_products and clothing_attributes: a labels file, if not the one beside this script."
)
_SETTLE_COPIES = flags.DEFINE_bool(
    "settle_copies",
    True,
    "Of photos: name those that are nearly the same picture as one of another split, and move them into that split"
    " where the source gives none. Not with --beam.",
)
_FOLD_VALUES = flags.DEFINE_bool(
    "fold_values",
    None,
    "Of manifest: take 'Red' and 'RED' for one value, and '-', 'NA', 'unknown' and the like for unknown ones;"
    " or, with --nofold_values, each for a value of its own. Default: name them, and stop.",
)
_NAME = flags.DEFINE_string("name", "photos", "Of manifest: what this set is called among others.")
_BEAM = flags.DEFINE_string(
    "beam", None, "Of photos: build on Apache Beam with these pipeline options, such as '--runner=DirectRunner'."
)
_ANNOTATION = flags.DEFINE_enum(
    "annotation",
    None,
    deepfashion.ANNOTATIONS,
    "Of deepfashion: which annotation set. Default: fine where it is there.",
)
_END_WITH_INPUT = flags.DEFINE_bool(
    "end_with_input", False, "End when standard input closes: for the command that starts this one and waits for it."
)
_SIZES = {
    "height": flags.DEFINE_integer("height", 64, "Of rendered garments, pixels.", lower_bound=8),
    "width": flags.DEFINE_integer("width", 64, "Of rendered garments, pixels.", lower_bound=8),
    "train": flags.DEFINE_integer("train", 20_000, "Number of rendered training images.", lower_bound=1),
    "validation": flags.DEFINE_integer("validation", 500, "Number of rendered validation images.", lower_bound=1),
    "test": flags.DEFINE_integer("test", 1000, "Number of rendered test images.", lower_bound=1),
}
# Flags that not all datasets take.
_TAKEN_BY = {
    "source": tuple(_BUILDERS),
    "skip_bad": tuple(_BUILDERS),
    "beam": tuple(_BUILDERS),
    "settle_copies": tuple(_BUILDERS),
    "labels": _LABELLED,
    "name": ("manifest",),
    "fold_values": ("manifest",),
    "annotation": ("deepfashion",),
    **dict.fromkeys(_SIZES, ("synthetic_garments",)),
}


def main(argv: Sequence[str]) -> None:
    del argv
    if _END_WITH_INPUT.value:
        threading.Thread(target=_end_with_input, daemon=True).start()
    _check_flags()
    data_dir = local_path(_DATA_DIR.value or tfds.core.constants.DATA_DIR)
    if _DATASET.value == "synthetic_garments":
        _build_garments(data_dir)
    else:
        _build_photos(data_dir)


def _end_with_input():
    while os.read(0, 1024):
        pass
    os._exit(1)  # what is half built is removed by the next build


def _check_flags():
    """Raises UserError for a flag that the dataset does not take, and that would be without effect."""
    for name, datasets in _TAKEN_BY.items():
        if flags.FLAGS[name].value != flags.FLAGS[name].default and _DATASET.value not in datasets:
            raise UserError(f"--dataset={_DATASET.value} takes no --{name}, which is for {', '.join(datasets)}")


def _build_garments(data_dir):
    flags_ = {name: flag.value for name, flag in _SIZES.items()}
    builder = synthetic_garments.SyntheticGarments(
        name=tfdata.variant_name(flags_),
        height=flags_["height"],
        width=flags_["width"],
        counts={split: flags_[split] for split in SPLITS},
        data_dir=data_dir,
    )
    with _writing_to(data_dir):
        _check_new(builder)
        _prepare(builder)


def _build_photos(data_dir):
    name, source = _DATASET.value, local_path(_SOURCE.value or "")
    if not _SOURCE.value:
        raise UserError(f"--dataset={name} needs --source=DIR: {_MARKS[name][0]} is in it")
    _check_layout(name, source)
    photo_list, variant = _read(name, source)
    digests = {file: tfdata.source_digest(source / file) for file in _WATCHED.get(name, ())}
    for note in photo_list.notes:
        print(note)
    files = fingerprint.record_files(source, [photo.read.path for photo in photo_list.photos if has_file(photo)])
    builder = _BUILDERS[name](photo_list=photo_list, name=variant, digests=digests, files=files, data_dir=data_dir)
    with _writing_to(data_dir):
        _check_new(builder)
        if _BEAM.value is None:
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
    if _SETTLE_COPIES.value:
        settled, notes = near_copies.settle(ingested.photos, ingested.hashes)
        ingested = dataclasses.replace(ingested, photos=settled)
        for note in notes:
            print(note)
    builder.ingested = ingested
    ingest.check(ingested.bad, {photo.split for photo in ingested.photos}, len(photos), _SKIP_BAD.value)
    _prepare(builder)


def _build_on_beam(builder, photos):
    """Builds on the workers of a Beam runner."""
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
        import beam_ingest
    except ImportError as error:
        raise UserError(f"--beam needs Apache Beam: pip install -e '.[beam]' ({error})") from error
    builder.ingested = beam_ingest.BeamIngest(photos, _SKIP_BAD.value)
    logging.getLogger("apache_beam.runners.common").setLevel(logging.CRITICAL)  # it logs what it raises again
    options = PipelineOptions(shlex.split(_BEAM.value))
    try:
        _prepare(builder, tfds.download.DownloadConfig(beam_options=options))
    except Exception as error:  # runners wrap what a worker raises in errors of their own
        text = f"{type(error).__name__}: {error}"
        said = re.findall(r"^(?:\S*UserError|OSError): (.*?)(?: \[while running .*)?$", text, re.MULTILINE)
        raise (UserError(said[-1]) if said else error) from error


def _read(name, source):
    """The dataset's photos, and the name of the variant."""
    if name == "manifest":
        return manifest.read(source, _FOLD_VALUES.value), tfdata.variant_name({"name": _NAME.value})
    if name == "deepfashion":
        photo_list, annotation = deepfashion.read(source, _ANNOTATION.value)
        return photo_list, tfdata.variant_name({"annotation": annotation})
    if name in _LABELLED:
        return labelled_photos.read(source, local_path(_LABELS.value or str(_HERE / f"{name}.csv"))), ""
    return {"shopping100k": shopping100k, "celeb_a": celeb_a, "shapes3d": shapes3d}[name].read(source), ""


def _check_layout(name, source):
    """Raises UserError for a folder that is not laid out as the dataset is; names the one that it looks like."""
    if not source.is_dir():
        raise UserError(f"--source={source} is not a folder")
    if any((source / mark).exists() for mark in _MARKS[name]):
        return
    alike = next(((n, m) for n, marks in _MARKS.items() for m in marks if (source / m).exists()), None)
    hint = f"it has {alike[1]} and looks like --dataset={alike[0]}" if alike else "is --source right?"
    raise UserError(f"{source} is no {name}, which has {' or '.join(_MARKS[name])}: {hint}")


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
    flags.mark_flag_as_required("dataset")
    cli.run(main)
