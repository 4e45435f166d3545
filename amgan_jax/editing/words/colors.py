"""Colours: the value that one counts as."""

import dataclasses
import math

from amgan_jax.editing.words.meanings import Entry, Meaning, Rank
from amgan_jax.editing.words.table import Table, merged
from amgan_jax.editing.words.tokens import to_stems
from amgan_jax.schema import Schema

_FAR = 40.0  # in Lab, from which on a colour is another one


@dataclasses.dataclass(frozen=True)
class _Color:
    lab: tuple[float, float, float]
    families: tuple[str, ...]  # basic colours that it may count as, the likeliest first


def read_colors(table: Table) -> dict[tuple[str, ...], _Color]:
    """{term: colour} of a table's `"navy": "#000080 blue"`."""
    texts = {to_stems(name): text.split() for name, text in merged(table, "colors").items()}
    return {term: _Color(_lab(code), tuple(families)) for term, (code, *families) in texts.items()}


def add_colors(entries: dict[tuple[str, ...], Entry], schema: Schema, colors: dict[tuple[str, ...], _Color]) -> None:
    """Has each colour mean the nearest value of each attribute of colours, where the tables say nothing else of it."""
    for attribute in _color_attributes(schema, colors):
        known = _known_colors(schema.attributes[attribute].values, colors)
        for term, color in colors.items():
            entry = entries[term]
            said = next((m.value for m in entry.meanings if m.attribute == attribute), None)
            value, hue = _nearest(color, known) if said is None else (said, frozenset([said]))
            if value is None:
                continue
            entry.hue[attribute] = hue
            if said is None:
                entry.meanings = [*entry.meanings, Meaning(attribute, value, Rank.SAID)]


def _color_attributes(schema, colors):
    """Attributes at least half of whose values are names of colours."""
    shares = [len(_known_colors(a.values, colors)) / len(a.values) for a in schema.attributes]
    return [a for a, share in enumerate(shares) if share >= 0.5]


def _known_colors(values, colors):
    """{value index: its colour}, of values that are names of colours."""
    found = {}
    for v, value in enumerate(values):
        stems = to_stems(value)
        color = next((colors[stems[i:]] for i in range(len(stems)) if stems[i:] in colors), None)  # of light_grey, grey
        found |= {v: color} if color else {}
    return found


def _nearest(color, known):
    """(index of the value that a colour counts as, all that it may be); (None, none) where all are far from it.

    That is the nearest in Lab of the values in the first of its families that has any, else of all.
    """
    groups = [[v for v, of in known.items() if family in of.families[:1]] for family in color.families]
    near = next((group for group in groups if group), None)
    near = near or [v for v, of in known.items() if math.dist(color.lab, of.lab) < _FAR]
    if not near:
        return None, frozenset()
    value = min(near, key=lambda v: math.dist(color.lab, known[v].lab))
    return value, frozenset([value, *(v for group in groups for v in group)])


def _lab(color):
    """CIE L*a*b* (D65) of `#rrggbb`."""
    channels = [int(color[i : i + 2], 16) / 255.0 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    xyz = (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
    )
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)
