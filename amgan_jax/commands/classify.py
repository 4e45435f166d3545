"""Reads the attributes of photos.

python -m amgan_jax.classify --workdir=DIR --images='photos/*.jpg' [--output=F.csv]
"""

from collections.abc import Sequence
import csv
import io

from absl import flags

from amgan_jax import cli
from amgan_jax.editing import photos
from amgan_jax.errors import UserError
from amgan_jax.files import local_path, write_atomically


def define_flags() -> None:
    """Not at import: another program may import this module and have flags of its own."""
    flags.DEFINE_string("workdir", None, "A trained workdir.")
    flags.DEFINE_string("images", None, "Photos: a path or a quoted pattern.")
    flags.DEFINE_string("output", None, "CSV file to write. Default: print it.")
    flags.DEFINE_bool("skip_bad", False, "Name photos that cannot be read, and go on.")
    flags.mark_flags_as_required(["workdir", "images"])


def main(argv: Sequence[str]) -> None:
    del argv
    # Not at import: JAX takes seconds, which --help and bad flags need not wait for.
    from amgan_jax.commands import batches
    from amgan_jax.editing import editor

    paths = photos.find(flags.FLAGS.images)
    system = editor.load(local_path(flags.FLAGS.workdir))
    names, rows = system.schema.names, []
    try:
        for loaded, image in batches.read_batches(paths, system, flags.FLAGS.skip_bad):
            label, confidence = system.classify(image)
            for i, (path, _, _) in enumerate(loaded):
                values = system.schema.decode(label[i].tolist())
                cells = (cell for a, name in enumerate(names) for cell in (values[name], f"{confidence[i, a]:.3f}"))
                rows.append([path, *cells])
    finally:
        if rows:  # what was read before a bad photo; nothing read leaves an older table alone
            _write(["image", *(column for name in names for column in (name, f"{name}_confidence"))], rows)


def _write(header, rows):
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([header, *rows])
    if not flags.FLAGS.output:
        print(table.getvalue(), end="")
        return
    try:
        write_atomically(local_path(flags.FLAGS.output), table.getvalue())
    except UserError as error:  # not to lose what was read
        print(table.getvalue(), end="")
        raise UserError(f"{error}: the table is printed instead") from error


def run() -> None:
    """Runs the command on the process's own flags."""
    define_flags()
    cli.run(main)
