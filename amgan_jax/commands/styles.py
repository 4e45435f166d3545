"""Learns what styles stand for: the values that set a tag's photos apart, as a table that `--words` takes.

python -m amgan_jax.styles --labels=labels.csv --tag=usage --schema=schema.json --output=styles.json
"""

from collections.abc import Sequence
import csv
import json
import pathlib

from absl import flags

from amgan_jax import cli
from amgan_jax.editing import styles
from amgan_jax.errors import UserError
from amgan_jax.files import local_path, write_atomically
from amgan_jax.schema import Schema


def define_flags() -> None:
    """Not at import: another program may import this module and have flags of its own."""
    flags.DEFINE_string("labels", None, "A CSV file with a row a photo: a column for each attribute, and one of tags.")
    flags.DEFINE_string("tag", None, "The column of tags.")
    flags.DEFINE_string("schema", None, "The schema.json of a workdir, or one like it.")
    flags.DEFINE_string("output", None, "JSON file to write.")
    flags.mark_flags_as_required(["labels", "tag", "schema", "output"])


def main(argv: Sequence[str]) -> None:
    del argv
    rows = _read_rows(local_path(flags.FLAGS.labels))
    learnt = styles.learn(rows, flags.FLAGS.tag, _read_schema(local_path(flags.FLAGS.schema)))
    if not learnt:
        raise UserError(f"no value sets a tag of column {flags.FLAGS.tag!r} apart in {flags.FLAGS.labels}")
    write_atomically(local_path(flags.FLAGS.output), json.dumps({"styles": learnt}, indent=1) + "\n")
    for tag, values in learnt.items():
        print(f"{tag} style: {values}")


def _read_rows(path):
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [{name: cell for name, cell in row.items() if name} for row in csv.DictReader(file)]
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"cannot read --labels={path}: {error}") from error


def _read_schema(path: pathlib.Path) -> Schema:
    try:
        return Schema.from_json(path.read_text("utf-8-sig"))
    except (OSError, ValueError, UserError) as error:
        raise UserError(f"cannot read --schema={path}: {error}") from error


def run() -> None:
    """Runs the command on the process's own flags."""
    define_flags()
    cli.run(main)
