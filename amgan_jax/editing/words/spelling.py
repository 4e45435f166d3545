"""Slips of spelling."""

import dataclasses
import functools

from rapidfuzz import process
from rapidfuzz.distance import OSA

from amgan_jax.editing.words.meanings import Entry, Lexicon
from amgan_jax.editing.words.tokens import Token

_SAFE = 6  # letters, from which one too many is forgiven, and above which another one is
_LONG = 9  # letters, from which two slips are forgiven


def spell(tokens: list[Token], lexicon: Lexicon) -> list[Token]:
    """Tokens with slips mended, and `buttonless` and `unpatterned` taken apart."""
    spelt = []
    for token in tokens:
        stem, known = token.stem, lexicon.words
        base = stem.removesuffix("less") if stem.endswith("less") else stem.removeprefix("un")
        if stem in known or stem.isdigit():
            spelt.append(token)
        elif base != stem and (base,) in lexicon.terms and not lexicon.terms[base,].plain:
            spelt += [dataclasses.replace(token, stem="without"), dataclasses.replace(token, stem=base)]
        else:
            spelt.append(dataclasses.replace(token, stem=_mended(stem, lexicon)))
    return spelt


@functools.lru_cache(maxsize=4096)
def _mended(stem, lexicon):
    """The known word that a word is a slip of; itself where there is none, or several that mean different things."""
    if len(stem) < 4 or not stem.isalpha():
        return stem
    allowed = 1 if len(stem) < _LONG else 2
    near = process.extract(stem, lexicon.letters, scorer=OSA.distance, score_cutoff=allowed, limit=None)
    near = [(word, slips) for word, slips, _ in near if _may_be_slip(stem, word, slips)]
    best = [word for word, slips in near if slips == min(slips for _, slips in near)]
    best = [word for word in best if (word,) in lexicon.terms] or best  # not those that are only a part of a term
    return best[0] if best and _mean_the_same(best, lexicon) else stem


def _mean_the_same(words, lexicon):
    if len(words) == 1:
        return True
    entries = [lexicon.terms.get((word,), Entry()) for word in words]
    values = [{(m.attribute, m.value) for m in entry.meanings} for entry in entries]
    return all(v and v == values[0] for v in values)


def _may_be_slip(stem, word, slips):
    """Whether a word may be another misspelt, and is not likely to be one that is not known."""
    if stem[0] != word[0]:
        return False
    if slips == 1 and sorted(word) == sorted(stem):
        return True  # two letters changed places
    if slips == 1 and len(word) > len(stem):
        return len(stem) > 4 or not set(stem) & set("aeiouy") or len(set(word)) == len(set(stem))  # blck, gren
    return len(stem) > _SAFE if len(word) == len(stem) else len(stem) >= _SAFE
