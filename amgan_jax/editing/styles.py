"""What styles stand for: the values that set a tag's photos apart."""

from collections.abc import Mapping, Sequence
import math

from amgan_jax.errors import UserError
from amgan_jax.schema import UNKNOWN, Schema

_FEW = 20  # photos of a tag, below which nothing is learnt of it
_SHARE = 0.4  # of a tag's photos that have a value which the tag stands for, at the least
_LIFT = 1.2  # how many times commoner than among all other photos, at the least
_Z = 4.0  # how many standard errors its log odds ratio is from 0, at the least


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
