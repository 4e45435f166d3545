"""Reads the attributes of photos.

python -m amgan_jax.classify --workdir=DIR --images=photo.jpg
python -m amgan_jax.classify --workdir=DIR --images='photos/**/*.jpg' --output=attributes.csv --skip_bad

The table has a row a photo: image, then each attribute and the confidence in it, from 0 to 1. A command that was
stopped goes on where it was.
"""

from collections.abc import Sequence

from absl import flags

from amgan_jax import cli
from amgan_jax.commands import systems


def define_flags() -> None:
    """Not at import: another program may import this module and have flags of its own."""
    systems.define_flags()
    flags.DEFINE_string("images", None, "Photos: a path or a quoted pattern; ** stands for any folders.")
    flags.DEFINE_string("output", None, "CSV file to write. Default: print it.")
    flags.DEFINE_bool("skip_bad", False, "Leave out photos that cannot be read, and list them at the end.")
    flags.DEFINE_bool("overwrite", False, "Begin anew in place of going on where a stopped command was.")
    flags.mark_flag_as_required("images")


def main(argv: Sequence[str]) -> None:
    del argv
    given = flags.FLAGS
    folder = systems.folder(given)
    from amgan_jax.commands import classify_photos  # JAX takes seconds, which --help and bad flags need not wait for

    classify_photos.run(folder, given.images, given.output, given.skip_bad, given.overwrite)


def run() -> None:
    """Runs the command on the process's own flags."""
    define_flags()
    cli.run(main)
