"""A text as words, in the singular and without accents."""

import dataclasses
import functools
import re
import unicodedata


@dataclasses.dataclass(frozen=True)
class Token:
    """A word in the singular, or a mark, and where it stands in the text."""

    stem: str
    start: int
    end: int


def to_stem(word: str) -> str:
    """A word in the singular, roughly."""
    if len(word) < 4 or word.endswith(("ss", "us", "is")) or not word.endswith("s"):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("sses", "xes", "shes", "ches", "zzes")) else word[:-1]


@functools.lru_cache(maxsize=8192)
def to_stems(text: str) -> tuple[str, ...]:
    """The words of a text, in the singular."""
    return tuple(token.stem for token in tokenize(text))


def tokenize(text: str) -> list[Token]:
    """Words and marks of a text, with where they stand in it."""
    plain = text.lower().replace("’", "'").replace("_", " ").replace("–", ",").replace("—", ",")
    tokens = []
    for found in re.finditer(r"\d+/\d+|w/o\b|w/|[sl]/s\b|[^\W_]+(?:'[^\W_]+)*|\s-\s|[&+/=:;,.!?]", plain):
        word = unicodedata.normalize("NFKD", found[0])
        word = "".join(c for c in word if not unicodedata.combining(c))
        word = {"w/o": "without", "w/": "with", "&": "and", "+": "and", "/": "and", " - ": ","}.get(word, word)
        word = to_stem(re.sub("'s$", "", word).replace("'", ""))
        tokens.append(Token(word, *found.span()))
    return tokens
