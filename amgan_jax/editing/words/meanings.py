"""What a term may mean."""

import dataclasses
import enum


class Rank(enum.IntEnum):
    """How plainly a value is said."""

    STYLE = 0
    IMPLIED = 1
    SAID = 2


@dataclasses.dataclass(frozen=True)
class Meaning:
    """One value that a term may stand for."""

    attribute: int
    value: int
    rank: Rank
    weak: bool = False  # counts only where its attribute is named: "long" may be said of much
    either: bool = False  # other attributes have a value of the name


@dataclasses.dataclass
class Entry:
    """All that a term may mean."""

    meanings: list[Meaning] = dataclasses.field(default_factory=list)
    attributes: set[int] = dataclasses.field(default_factory=set)  # that it names
    hue: dict[int, frozenset[int]] = dataclasses.field(default_factory=dict)  # colour attribute: values it may be
    style: str = ""
    roles: set[str] = dataclasses.field(default_factory=set)

    @property
    def plain(self) -> bool:
        """Whether it carries no content."""
        return not (self.meanings or self.attributes or self.style)


@dataclasses.dataclass(frozen=True, eq=False)
class Lexicon:
    """A table for one schema: terms as tuples of stems."""

    terms: dict[tuple[str, ...], Entry]
    words: frozenset[str]  # in any term
    letters: tuple[str, ...]  # words that a misspelt one may be
    longest: int
    neutral: dict[int, int]  # value that "no collar" asks for
    excluded: dict[int, int]  # value that "no hood" asks for
    styles: dict[str, tuple[Meaning, ...]]
    mixed: dict[int, int]  # value of several colours
