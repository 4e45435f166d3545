"""Builds a dataset for training.

python data/build.py --dataset=synthetic_garments --height=64 --width=64
python data/build.py --dataset=manifest --source=DIR     (DIR/labels.csv, see data/manifest.py)
python data/build.py --dataset=deepfashion --source=DIR  (as published; docs/datasets.md has all)
"""

from collections.abc import Sequence
import dataclasses
import os
import threading

from absl import flags

from amgan_jax import cli
from amgan_jax.datasets import deepfashion, labelled_photos
from amgan_jax.errors import UserError
from amgan_jax.input import built

_PHOTOS = (
    *labelled_photos.DATASETS,
    "deepfashion",
    "shopping100k",
    "manifest",
    "celeb_a",
    "shapes3d",
)
_SIZES = ("height", "width", "train", "validation", "test")  # flags of rendered garments
# Flags that not all datasets take.
_TAKEN_BY = {
    "source": _PHOTOS,
    "skip_bad": _PHOTOS,
    "beam": _PHOTOS,
    "settle_copies": _PHOTOS,
    "labels": labelled_photos.DATASETS,
    "name": ("manifest",),
    "fold_values": ("manifest",),
    "annotation": ("deepfashion",),
    **dict.fromkeys(_SIZES, (built.RENDERED,)),
}


def define_flags() -> None:
    """Not at import: another program may import this module and have flags of its own."""
    flags.DEFINE_enum("dataset", None, [built.RENDERED, *_PHOTOS], "What to build.")
    flags.DEFINE_string("source", None, "Folder of the dataset's files; rendered garments need none.")
    flags.DEFINE_string("data_dir", None, "Where built datasets go. Default: where TFDS keeps its own.")
    flags.DEFINE_bool("skip_bad", False, "Leave photos out that cannot be used, and list them in skipped.csv.")
    flags.DEFINE_string(
        "labels", None, "Of fashion_products and clothing_attributes: a labels file, if not the project's."
    )
    flags.DEFINE_bool(
        "settle_copies",
        True,
        "Of photos: name those that are nearly the same picture as one of another split, and move them into that split"
        " where the source gives none. Not with --beam.",
    )
    flags.DEFINE_bool(
        "fold_values",
        None,
        "Of manifest: take 'Red' and 'RED' for one value, and '-', 'NA', 'unknown' and the like for unknown ones;"
        " or, with --nofold_values, each for a value of its own. Default: name them, and stop.",
    )
    flags.DEFINE_string("name", "photos", "Of manifest: what this set is called among others.")
    flags.DEFINE_string(
        "beam", None, "Of photos: build on Apache Beam with these pipeline options, such as '--runner=DirectRunner'."
    )
    annotations = "Of deepfashion: which annotation set. Default: fine where it is there."
    flags.DEFINE_enum("annotation", None, deepfashion.ANNOTATIONS, annotations)
    flags.DEFINE_bool(
        "end_with_input",
        False,
        "End when standard input closes: for the command that starts this one and waits for it.",
    )
    flags.DEFINE_integer("height", 64, "Of rendered garments, pixels.", lower_bound=8)
    flags.DEFINE_integer("width", 64, "Of rendered garments, pixels.", lower_bound=8)
    flags.DEFINE_integer("train", 20_000, "Number of rendered training images.", lower_bound=1)
    flags.DEFINE_integer("validation", 500, "Number of rendered validation images.", lower_bound=1)
    flags.DEFINE_integer("test", 1000, "Number of rendered test images.", lower_bound=1)
    flags.mark_flag_as_required("dataset")


def main(argv: Sequence[str]) -> None:
    del argv
    if flags.FLAGS.end_with_input:
        threading.Thread(target=_end_with_input, daemon=True).start()
    _check_flags()
    # Not at import: TensorFlow takes seconds, which --help and bad flags need not wait for.
    from amgan_jax.datasets import building

    given, data_dir = flags.FLAGS, built.data_dir(flags.FLAGS.data_dir)
    if given.dataset == built.RENDERED:
        building.build_garments({name: given[name].value for name in _SIZES}, data_dir)
        return
    names = [field.name for field in dataclasses.fields(building.Wanted)]
    building.build_photos(building.Wanted(**{name: given[name].value for name in names}), data_dir)


def _end_with_input():
    while os.read(0, 1024):
        pass
    os._exit(1)  # what is half built is removed by the next build


def _check_flags():
    """Raises UserError for a flag that the dataset does not take, and that would be without effect."""
    for name, datasets in _TAKEN_BY.items():
        if flags.FLAGS[name].value != flags.FLAGS[name].default and flags.FLAGS.dataset not in datasets:
            raise UserError(f"--dataset={flags.FLAGS.dataset} takes no --{name}, which is for {', '.join(datasets)}")


def run() -> None:
    """Runs the command on the process's own flags."""
    define_flags()
    cli.run(main)


if __name__ == "__main__":
    run()
