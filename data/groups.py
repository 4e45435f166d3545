"""Exclusive attributes out of binary ones: tables of which names stand for which value.

A table is a CSV with the columns attribute, value and names: the dataset's own binary
names, separated by `|`, any of which says that the value is there; `not NAME` says so where
NAME is not. Of the values of an attribute exactly one may be there, else it is unknown.
"""

import pathlib

from amgan_jax.datasets.photo_list import read_table
from amgan_jax.errors import UserError
from amgan_jax.schema import UNKNOWN, Schema

_NOT = "not "


class Groups:
    """A table, for a dataset that has these binary names.

    Args:
      table: the CSV file.
      binaries: the dataset's names, in the order of its numbers.
      source: the file that they are from, for messages.

    Raises:
      UserError: the dataset has none of the names of a value.
    """

    def __init__(self, table: pathlib.Path, binaries: list[str], source: pathlib.Path):
        place = {name: i for i, name in enumerate(binaries)}
        self._signs: dict[str, dict[str, list[tuple[int, bool]]]] = {}
        for row in read_table(table, ("attribute", "value", "names"))[1]:
            names = [name.strip() for name in row["names"].split("|")]
            signs = [
                (place[n.removeprefix(_NOT)], not n.startswith(_NOT)) for n in names if n.removeprefix(_NOT) in place
            ]
            if not signs:
                raise UserError(
                    f"{source} has none of the names of {row['attribute']}={row['value']}: {', '.join(names)}"
                )
            self._signs.setdefault(row["attribute"], {})[row["value"]] = signs
        self.schema = Schema.from_values({name: list(values) for name, values in self._signs.items()})

    def label(self, present: list[bool]) -> list[int]:
        """The label of an image with these binaries."""
        label = []
        for values in self._signs.values():
            there = [v for v, signs in enumerate(values.values()) if any(present[i] == sign for i, sign in signs)]
            label.append(there[0] if len(there) == 1 else UNKNOWN)
        return label
