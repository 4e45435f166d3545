"""A text cut into terms, and what each is said of."""

import dataclasses

from amgan_jax.editing.words.meanings import Entry, Lexicon, Meaning, Rank
from amgan_jax.editing.words.tokens import Token


@dataclasses.dataclass
class Item:
    """A term in the text.

    Attributes:
      entry: None where unknown.
      text: as it was written.
      mode: see `set_modes`.
      bound: attributes that are named beside it.
      taken: whether another item says it too, as a value of the attribute that this one names.
      override: in the place of the entry's meanings.
      of: of a colour: ("part" or "mark", the word), where it is not the garment's; see `_mark_part`.
    """

    entry: Entry | None
    text: str
    mode: str = ""
    bound: frozenset[int] = frozenset()
    taken: bool = False
    override: list[Meaning] | None = None
    of: tuple[str, str] | str = ""

    def is_(self, role: str) -> bool:
        return self.entry is not None and role in self.entry.roles

    def color(self, attribute: int) -> int | None:
        """The value that it is of an attribute of colours."""
        return next((m.value for m in self.meanings if m.attribute == attribute), None)

    @property
    def meanings(self) -> list[Meaning]:
        if self.override is not None:
            return self.override
        return self.entry.meanings if self.entry else []

    @property
    def names(self) -> set[int]:
        return self.entry.attributes if self.entry else set()

    @property
    def hue(self) -> dict[int, frozenset[int]]:
        return self.entry.hue if self.entry else {}

    @property
    def negates(self) -> bool:
        return self.is_("not") or self.is_("remove")

    @property
    def filler(self) -> bool:
        """Whether it carries no content."""
        content = {"garment", "break", "is", "term", "mark", "part"}
        return self.entry is not None and self.entry.plain and not self.entry.roles & content

    @property
    def modest(self) -> bool:
        """Whether a value and the attribute it belongs to may have it between them."""
        controls = {"garment", "break", "and", "or", "not", "remove", "resume", "instead", "into", "for"}
        return self.entry is None or (self.entry.plain and not self.entry.roles & controls)


def cut(tokens: list[Token], lexicon: Lexicon, text: str) -> list[Item]:
    """Cuts tokens into the longest terms."""
    items, i = [], 0
    stems = [token.stem for token in tokens]
    while i < len(tokens):
        sizes = range(min(lexicon.longest, len(tokens) - i), 0, -1)
        size = next((n for n in sizes if tuple(stems[i : i + n]) in lexicon.terms), 1)
        entry = lexicon.terms.get(tuple(stems[i : i + size]))
        items.append(Item(entry, text[tokens[i].start : tokens[i + size - 1].end]))
        i += size
    return items


def set_modes(items: list[Item]) -> None:
    """Tells for each item whether it is wanted (""), excluded ("not"), left behind ("gone") or kept."""
    mode, removes, goal = "", False, -1
    covered = set()  # attributes that the mode has met
    for i, item in enumerate(items):
        if item.is_("break") or i == goal:
            mode = ""
        elif i < goal:
            item.mode = "gone"
        elif item.is_("instead") or item.is_("keep"):
            mode, covered = "gone" if item.is_("instead") else "kept", set()
        elif item.negates and not (i and items[i - 1].is_("is")):
            if not (item.is_("or") and mode == "not"):
                mode, removes = "not", item.is_("remove")
            covered = set()
        elif (found := _goal(items, i)) is not None:
            goal = found
        elif item.is_("or"):
            covered = set()
        elif item.is_("and"):
            if mode == "not" and covered and not (removes and i + 1 < len(items) and items[i + 1].is_("part")):
                mode = ""
            covered = set()
        elif covered and (item.is_("resume") or (item.is_("garment") and not item.meanings)):
            mode = ""
        elif item.meanings or item.names:
            about = {m.attribute for m in item.meanings} | item.names
            describes = item.hue and i + 1 < len(items) and (items[i + 1].meanings or items[i + 1].names)
            if mode == "not" and covered and not covered & about:
                mode = ""
            elif not describes:
                covered |= about
            item.mode = mode


def drop_denied(items: list[Item]) -> None:
    """Leaves behind what is asked and denied: "peach? no, purple"."""
    for i, item in enumerate(items[:-1]):
        if item.text == "?" and items[i + 1].is_("not") and (i + 2 == len(items) or items[i + 2].is_("break")):
            start = max((j + 1 for j in range(i) if items[j].is_("break")), default=0)
            for other in items[start:i]:
                other.mode = "gone"


def _goal(items, start):
    """Where the new values of "change X to Y" begin; None where an item starts no such phrase."""
    goals = [role for verb, role in (("turn", "into"), ("swap", "for")) if items[start].is_(verb)]
    for i in range(start + 1, len(items)):
        if not goals or items[i].is_("break"):
            return None
        if items[i].is_(goals[0]):
            return i
    return None


def bind(items: list[Item]) -> None:
    """Finds the attribute that is named beside each value: in "name: value", then after it, then before it."""
    for name, sign, item in zip(items, items[1:], items[2:], strict=False):
        shared = name.names & {m.attribute for m in item.meanings}
        if sign.is_("is") and shared:
            item.bound, name.taken = frozenset(shared), True
    for i, item in enumerate(items):
        reach = items[i + 1 : i + (2 if item.is_("garment") else 5)]
        if item.meanings and not item.bound:
            _bind_to(item, reach, lambda other: other.meanings or other.modest)
    for i, item in enumerate(items):
        follows = i > 0 and items[i - 1].is_("is")
        described = i + 1 < len(items) and items[i + 1].is_("garment")
        if item.meanings and not item.bound and (follows or not (item.is_("garment") or described)):
            _bind_to(item, items[max(0, i - 5) : i][::-1], lambda other: other.filler or other.is_("is"))


def _bind_to(item, others, may_stand_between):
    about = {m.attribute for m in item.meanings}
    for other in others:
        if other.names and not other.meanings:
            if other.names & about and not other.taken:
                item.bound, other.taken = frozenset(other.names), True
            return
        if not may_stand_between(other):
            return


def join_colors(items: list[Item], mixed: dict[int, int]) -> None:
    """Makes one of "olive green" and of "black and white", and marks colours of a part, as "white buttons"."""
    i = 0
    while i < len(items):
        run = _color_run(items, i)
        if run:
            _join(items, run, mixed)
            _mark_part(items, run)
        i = run[-1] + 1 if run else i + 1


def _color_run(items, start):
    """Places of colours that belong together, from a place on; none where it is no colour."""
    run, i = [], start
    while i < len(items) and items[i].hue:
        run.append(i)
        i += 1
        joined = i + 1 < len(items) and (items[i].is_("and") or _comma_before_and(items, i)) and items[i + 1].hue
        if joined:
            i += 1
    return run


def _comma_before_and(items, i):
    """Whether the comma at a place is one of a list such as "red, white and blue"."""
    return items[i].text == "," and i + 3 < len(items) and items[i + 2].is_("and") and bool(items[i + 3].hue)


def _join(items, run, mixed):
    colors = [items[i] for i in run]
    for a, b in zip(run, run[1:], strict=False):
        first, second = items[a], items[b]
        if b == a + 1 and any(second.color(c) in values for c, values in first.hue.items()):
            first.taken, second.text = True, f"{first.text} {second.text}"  # olive green
        elif b == a + 1 and any(first.color(c) in values for c, values in second.hue.items()):
            second.taken, first.text = True, f"{first.text} {second.text}"
    left = [color for color in colors if not color.taken]
    differ = any(len({color.color(c) for color in left} - {None}) > 1 for c in items[run[0]].hue)
    if differ and not any(color.mode for color in left):
        left[0].text = " ".join(items[i].text for i in range(run[0], run[-1] + 1) if not items[i].taken)
        for color in left[1:]:
            color.taken = True
        left[0].override = [Meaning(c, mixed[c], Rank.SAID) for c in left[0].hue if c in mixed]


def _mark_part(items, run):
    """Notes of a colour what part of the garment it is said of: "part", "mark" of a pattern, or none."""
    after = items[run[-1] + 1] if run[-1] + 1 < len(items) else None
    whole = run[-1] + 2 < len(items) and items[run[-1] + 2].is_("garment")  # white button shirt
    role = next((role for role in ("mark", "part") if after and after.is_(role) and not whole), "")
    for i in run:
        items[i].of = (role, after.text) if role and after else ""
