"""What terms ask for, and what that comes to."""

import dataclasses

from amgan_jax.editing.words.items import Item
from amgan_jax.editing.words.meanings import Lexicon, Meaning, Rank
from amgan_jax.errors import UserError
from amgan_jax.schema import UNKNOWN, Schema


@dataclasses.dataclass(frozen=True)
class Understood:
    """One value that a text asks for, and the words that say so."""

    attribute: int
    value: int
    text: str


@dataclasses.dataclass(frozen=True)
class _Claim:
    """That a value is wanted or, if `negated`, is not.

    Attributes:
      meaning: the value.
      text: that says so.
      instead: of a negated one, the value that stands for it; UNKNOWN for the other of two; None where none does.
    """

    meaning: Meaning
    text: str
    instead: int | None = None
    negated: bool = False


def find_claims(items: list[Item], lexicon: Lexicon) -> tuple[list[_Claim], list[str]]:
    """(what the items claim, the words that are not understood)."""
    claims, unknown = [], []
    any_main = any(item.hue and not item.of and not item.taken and not item.mode for item in items)
    for i, item in enumerate(items):
        if item.taken or item.mode in ("gone", "kept") or item.filler or item.is_("break") or item.is_("is"):
            continue
        if item.of and (item.of[0] == "part" or any_main):
            unknown.append(f"{item.text} {item.of[1]}")
            continue
        style = item.entry.style if item.entry and _asks_for_style(items, i) else ""
        meanings = lexicon.styles[style] if style else _meant(items, i)
        negated = item.mode == "not"
        text = f"no {item.text}" if negated else item.text
        if meanings:
            claims += [
                _Claim(m, text, lexicon.excluded.get(m.attribute) if negated else None, negated) for m in meanings
            ]
        elif item.names and not item.meanings:
            if negated and _directly_negated(items, i):
                none = [Meaning(a, lexicon.neutral[a], Rank.SAID) for a in item.names if a in lexicon.neutral]
                claims += [_Claim(m, text) for m in none]
                unknown += [] if none else [text]
        elif not (item.is_("garment") or item.is_("ignored") or item.negates):
            unknown.append(text)
    return claims, unknown


def _meant(items, i):
    """Meanings of an item that hold where it stands."""
    item = items[i]
    found = item.meanings
    alone = all(not 0 <= j < len(items) or items[j].is_("break") for j in (i - 1, i + 1))
    found = [m for m in found if not m.weak or m.attribute in item.bound or (alone and not item.is_("garment"))]
    beside = [m for m in found if m.attribute in item.bound]
    if len({m.attribute for m in found if m.either or m.weak}) > 1:
        return beside
    return found


def _asks_for_style(items, i):
    """Whether a style's name stands beside "style", "look" or the like, or says all: "make it retro"."""
    if not items[i].entry.style:
        return False
    around = [items[j] for j in (i - 1, i + 1) if 0 <= j < len(items)]
    others = [item for j, item in enumerate(items) if j != i]
    return any(item.is_("style_word") for item in around) or all(o.filler or o.is_("break") for o in others)


def _directly_negated(items, i):
    """Whether nothing with a meaning stands between a negation and an item: not so in "no puff sleeves"."""
    for item in reversed(items[:i]):
        if item.negates:
            return True
        if not (item.filler or item.names):
            return False
    return False


def settle(claims: list[_Claim], schema: Schema) -> tuple[list[Understood], list[str]]:
    """(what the claims come to, exclusions that say not what is wanted).

    Raises:
      UserError: two claims of the same rank ask for different values, or one excludes what another asks for.
    """
    understood, unanswered = [], []
    for attribute in dict.fromkeys(claim.meaning.attribute for claim in claims):
        own = [claim for claim in claims if claim.meaning.attribute == attribute]
        excluded = [claim for claim in own if claim.negated]
        barred = {claim.meaning.value: claim for claim in excluded}
        wanted = [claim for claim in own if not claim.negated]
        said = [claim for claim in wanted if claim.meaning.rank is Rank.SAID]
        for claim in said:
            if claim.meaning.value in barred:
                raise UserError(
                    f'"{claim.text}" and "{barred[claim.meaning.value].text}" contradict each other'
                    f" ({schema.names[attribute]})"
                )
        wanted = [claim for claim in wanted if claim.meaning.value not in barred]
        implied = [claim for claim in wanted if claim.meaning.rank is Rank.IMPLIED]
        styles = [claim for claim in wanted if claim.meaning.rank is Rank.STYLE]
        instead = [claim for claim in map(_instead, excluded) if claim and claim.meaning.value not in barred]
        best = next((group for group in (said, implied, instead, styles) if group), None)
        if best is None:
            unanswered += [claim.text for claim in excluded]
            continue
        other = next((claim for claim in best if claim.meaning.value != best[0].meaning.value), None)
        if other:
            values = schema.attributes[attribute].values
            raise UserError(
                f'"{best[0].text}" and "{other.text}" contradict each other:'
                f" {schema.names[attribute]}={values[best[0].meaning.value]} or {values[other.meaning.value]}"
            )
        understood.append(Understood(attribute, best[0].meaning.value, best[0].text))
    return understood, unanswered


def _instead(claim):
    """The claim for what stands for an excluded value; None where nothing does."""
    if claim.instead is None:
        return None
    value = 1 - claim.meaning.value if claim.instead == UNKNOWN else claim.instead
    return _Claim(dataclasses.replace(claim.meaning, value=value), claim.text)
