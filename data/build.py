"""Builds a dataset for training.

python data/build.py --dataset=synthetic_garments --height=64 --width=64
python data/build.py --dataset=manifest --source=DIR     (DIR/labels.csv, see data/manifest.py)
python data/build.py --dataset=deepfashion --source=DIR  (as published; docs/datasets.md has all)
"""

import collections
from collections.abc import Sequence
import os
import threading

from absl import flags

from amgan_jax import cli
from amgan_jax.datasets import dataset
from amgan_jax.errors import UserError
from amgan_jax.input import built

_OF_PHOTOS = ("source", "skip_bad", "beam", "settle_copies")  # flags that datasets which are read from a source take


def define_flags() -> None:
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


def main(argv: Sequence[str]) -> None:
    del argv
    given, datasets = flags.FLAGS, dataset.find()
    if given.end_with_input:
        threading.Thread(target=_end_with_input, daemon=True).start()
    _check_flags(datasets, given.dataset)
    # Not at import: TensorFlow takes seconds, which --help and bad flags need not wait for.
    from amgan_jax.datasets import building

    wanted = building.Wanted(
        dataset=given.dataset,
        options={flag: given[flag].value for flag in datasets[given.dataset].flags},
        source=given.source,
        skip_bad=given.skip_bad,
        settle_copies=given.settle_copies,
        beam=given.beam,
    )
    building.build(datasets, wanted, built.data_dir(given.data_dir))


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


def run() -> None:
    """Runs the command on the process's own flags."""
    define_flags()
    cli.run(main)


if __name__ == "__main__":
    run()
