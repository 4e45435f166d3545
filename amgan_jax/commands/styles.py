"""Learns what styles stand for: the values that set a tag's photos apart, as a table that `--words` takes.

python -m amgan_jax.styles --labels=labels.csv --tag=usage --schema=schema.json --output=styles.json
"""

from collections.abc import Mapping, Sequence
import csv
import json
import math
import pathlib

from absl import flags

from amgan_jax.commands import cli
from amgan_jax.errors import UserError
from amgan_jax.schema import UNKNOWN, Schema
from amgan_jax.workdir import local_path, write_atomically

_FEW = 20  # photos of a tag, below which nothing is learnt of it
_SHARE = 0.4  # of a tag's photos that have a value which the tag stands for, at the least
_LIFT = 1.2  # how many times commoner than among all other photos, at the least
_Z = 4.0  # how many standard errors its log odds ratio is from 0, at the least


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
    styles = learn(rows, flags.FLAGS.tag, _read_schema(local_path(flags.FLAGS.schema)))
    if not styles:
        raise UserError(f"no value sets a tag of column {flags.FLAGS.tag!r} apart in {flags.FLAGS.labels}")
    write_atomically(local_path(flags.FLAGS.output), json.dumps({"styles": styles}, indent=1) + "\n")
    for tag, values in styles.items():
        print(f"{tag} style: {values}")


def learn(rows: Sequence[Mapping[str, str]], tag: str, schema: Schema) -> dict[str, str]:
    """What each tag stands for: {tag: "attribute=value, ..."}, as section `styles` of a table of words.

    For a tag and a value, photos with the tag are compared with all others by the log odds ratio of having
    the value, each count raised by 0.5, over its standard error: z. A tag stands for the values with z >= 4
    that at least 0.4 of its photos have, and 1.2 times the share of the others; of an attribute, the one with
    the largest z. Rows that are not of the training split, where there are splits, count for nothing.

    Args:
      rows: of names, such as the lines of a CSV file; an empty cell is unknown.
      tag: the column of tags; those of fewer than 20 photos are left out.
      schema: the attributes to compare.

    Raises:
      UserError: a column is missing or has an unknown value.
    """
    if not rows or tag not in rows[0]:
        raise UserError(f"column {tag!r} of --tag is missing: {', '.join(rows[0] if rows else ())}")
    rows = [row for row in rows if row.get("split", "train") == "train"]
    labels = [schema.encode(row) for row in rows]
    tags = [_name(row[tag]) for row in rows]
    styles = {}
    for name in sorted(set(tags) - {""}):
        inside = [label for label, of in zip(labels, tags, strict=True) if of == name]
        outside = [label for label, of in zip(labels, tags, strict=True) if of not in (name, "")]
        values = _apart(inside, outside, schema) if len(inside) >= _FEW else []
        if values:
            styles[name] = ", ".join(values)
    return styles


def _name(tag):
    return " ".join((tag or "").replace("_", " ").lower().split())


def _apart(inside, outside, schema):
    """`attribute=value` of each attribute that sets the labels inside apart."""
    found = []
    for a, attribute in enumerate(schema.attributes):
        known, others = ([label[a] for label in side if label[a] != UNKNOWN] for side in (inside, outside))
        scores = []
        for v in range(len(attribute.values)):
            has, elsewhere = known.count(v), others.count(v)
            if has >= _SHARE * len(known) and has * len(others) >= _LIFT * elsewhere * len(known):
                scores.append((log_odds_z(has, len(known), elsewhere, len(others)), v))
        z, v = max(scores, default=(0.0, None))
        if z >= _Z:
            found.append(f"{attribute.name}={attribute.values[v]}")
    return found


def log_odds_z(has: int, of: int, elsewhere: int, of_others: int) -> float:
    """The log odds ratio of `has` of `of` to `elsewhere` of `of_others`, over its standard error."""
    counts = [count + 0.5 for count in (has, of - has, elsewhere, of_others - elsewhere)]
    a, b, c, d = counts
    return math.log(a * d / (b * c)) / math.sqrt(sum(1.0 / count for count in counts))


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
