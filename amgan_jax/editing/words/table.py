"""The table of what words mean: the project's own, and a user's."""

from collections.abc import Iterable, Mapping
import dataclasses
import json
import pathlib
import re
from typing import Any

from amgan_jax.errors import UserError

_SECTIONS = ("words", "implied", "attributes", "without", "not", "colors", "styles")  # objects of strings
_LISTS = (
    "needs_attribute",
    "not_misspelt",
    "style_words",
    "marks",
    "parts",
    "garments",
    "ignored",
)  # strings with commas
_HEX = re.compile(r"#[0-9a-fA-F]{6}(\s|$)")


@dataclasses.dataclass(frozen=True, eq=False)  # a table is the same only as itself
class Table:
    """What words mean: tables as in words.json, of which a later one holds where two say something of a word."""

    layers: tuple[Mapping[str, Any], ...]  # each section an object of texts, or a text


def read_table(paths: Iterable[pathlib.Path] = ()) -> Table:
    """The project's table, extended by others: what a later one says of a word or a style holds.

    Args:
      paths: JSON files with any of the sections of words.json.

    Raises:
      UserError: a file cannot be read, is not such a table, or has an unknown section.
    """
    return Table(tuple(_read_json(path) for path in (_own_table(), *paths)))


def _own_table():
    """The table that comes with the project."""
    return pathlib.Path(__file__).parent / "words.json"


def _read_json(path):
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the table of words {path}: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f'{path} is no table of words: write {{"words": {{"collar=high": "roll neck"}}}}')
    for name, section in content.items():
        fault = _fault(name, section)
        if fault:
            raise UserError(f"{path}: {fault}")
    return content


def _fault(name, section):
    """What is wrong with a section of a table; None where nothing is."""
    if name in (*_LISTS, "about"):
        return None if isinstance(section, str) else f"section {name!r} should be a text, with commas between words"
    if name not in _SECTIONS:
        return f"unknown section {name!r}: {', '.join((*_SECTIONS, *_LISTS))}"
    if not isinstance(section, dict) or not all(isinstance(text, str) for text in section.values()):
        return f"section {name!r} should be an object of texts"
    right, bad = "attribute=value", []
    if name in ("words", "implied"):
        bad = [key for key in section if "=" not in key]
    elif name == "styles":
        bad = [part for text in section.values() for part in split_list(text) if "=" not in part]
    elif name == "colors":
        right, bad = "#rrggbb and the colours it is one of", [t for t in section.values() if not _HEX.match(t)]
    return f"{bad[0]!r} in section {name!r} should be {right}" if bad else None


def split_list(text: str) -> list[str]:
    """The parts of a text between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def all_of(table: Table, name: str) -> list[str]:
    """The words of a list, of all layers."""
    return [word for layer in table.layers for word in split_list(layer.get(name, ""))]


def merged(table: Table, name: str) -> dict[str, str]:
    """A section, of which a later layer holds."""
    return {key: text for layer in table.layers for key, text in layer.get(name, {}).items()}
