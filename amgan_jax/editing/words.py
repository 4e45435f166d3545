"""Free text, such as "a navy jumper with long sleeves, no buttons", to one edit of several attributes.

A word means something if it is a value's or an attribute's name, or stands in a table: words.json and any
table of the user's. Everything else is named as not understood. Nothing here knows of images or of JAX.

The text is cut into the longest terms that the table knows. Then each is told whether it is wanted, excluded
("no buttons"), left behind ("instead of blue") or kept. What is wanted of an attribute is settled by what says it
most plainly: a value said outright, then one that a garment implies (a hoodie's hood), then one of a style.
"""

import collections
from collections.abc import Iterable, Mapping
import dataclasses
import enum
import functools
import json
import math
import pathlib
import re
import unicodedata

from rapidfuzz import process
from rapidfuzz.distance import OSA

from amgan_jax.errors import UserError
from amgan_jax.schema import UNKNOWN, Schema

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

# English, which the table need not know.
_NOT = (
    "no",
    "not",
    "without",
    "never",
    "isnt",
    "arent",
    "dont",
    "dont want",
    "do not want",
    "doesnt",
    "shouldnt",
    "should not",
    "without any",
    "no longer",
    "neither",
    "nor",
    "none of",
    "zero",
)
_REMOVE = ("without", "remove", "removing", "lose", "drop", "delete", "take away", "take off", "take out", "get rid of",
           "do away with", "minus", "free of", "strip off", "skip", "lacking")  # fmt: skip
_INSTEAD = ("instead of", "rather than", "in place of", "not as")
_TURN = ("change", "turn", "switch", "convert", "transform", "from", "go from", "recolor", "recolour")
_SWAP = ("replace", "swap", "exchange", "substitute")
_INTO, _FOR = ("to", "into"), ("for", "with", "by", "to")
_KEEP = ("keep", "keeping", "leave", "retain", "preserve")
_RESUME = ("but", "with", "make", "give", "add", "turn", "having", "only", "just", "want", "have", "has", "to")
_SAFE = 6  # letters, from which one too many is forgiven, and above which another one is
_LONG = 9  # letters, from which two slips are forgiven
_FAR = 40.0  # in Lab, from which on a colour is another one
_YES, _NO = ("yes", "true", "with", "present", "1"), ("no", "none", "false", "without", "absent", "0")


class _Rank(enum.IntEnum):
    """How plainly a value is said."""

    STYLE = 0
    IMPLIED = 1
    SAID = 2


@dataclasses.dataclass(frozen=True, eq=False)  # a table is the same only as itself
class Table:
    """What words mean: tables as in words.json, of which a later one holds where two say something of a word."""

    layers: tuple[Mapping[str, Mapping[str, str] | str], ...]


@dataclasses.dataclass(frozen=True)
class Understood:
    """One value that a text asks for, and the words that say so."""

    attribute: int
    value: int
    text: str


@dataclasses.dataclass(frozen=True)
class Parsed:
    """What a text asks for.

    Attributes:
      values: {attribute index: value index}, as `Schema.parse_edit` gives.
      understood: a line for each of `values`, in the text's order.
      unknown: what was not understood, or fits no value of the schema.
    """

    values: dict[int, int]
    understood: tuple[Understood, ...]
    unknown: tuple[str, ...]

    def describe(self, schema: Schema) -> str:
        """`color=blue ("navy"), fastening=none ("no buttons"); not understood: "peplum"`."""
        said = []
        for found in self.understood:
            attribute = schema.attributes[found.attribute]
            said.append(f'{attribute.name}={attribute.values[found.value]} ("{found.text}")')
        unknown = ", ".join(f'"{words}"' for words in self.unknown)
        return ", ".join(said) + (f"; not understood: {unknown}" if unknown else "")


@dataclasses.dataclass(frozen=True)
class _Meaning:
    """One value that a term may stand for."""

    attribute: int
    value: int
    rank: _Rank
    weak: bool = False  # counts only where its attribute is named: "long" may be said of much
    either: bool = False  # other attributes have a value of the name


@dataclasses.dataclass
class _Entry:
    """All that a term may mean."""

    meanings: list[_Meaning] = dataclasses.field(default_factory=list)
    attributes: set[int] = dataclasses.field(default_factory=set)  # that it names
    hue: dict[int, frozenset[int]] = dataclasses.field(default_factory=dict)  # colour attribute: values it may be
    style: str = ""
    roles: set[str] = dataclasses.field(default_factory=set)

    @property
    def plain(self):
        """Whether it carries no content."""
        return not (self.meanings or self.attributes or self.style)


@dataclasses.dataclass(frozen=True, eq=False)
class _Lexicon:
    """A table for one schema: terms as tuples of stems."""

    terms: dict[tuple[str, ...], _Entry]
    words: frozenset[str]  # in any term
    letters: tuple[str, ...]  # words that a misspelt one may be
    longest: int
    neutral: dict[int, int]  # value that "no collar" asks for
    excluded: dict[int, int]  # value that "no hood" asks for
    styles: dict[str, tuple[_Meaning, ...]]
    mixed: dict[int, int]  # value of several colours


@dataclasses.dataclass(frozen=True)
class _Token:
    stem: str
    start: int
    end: int


@dataclasses.dataclass
class _Item:
    """A term in the text.

    Attributes:
      entry: None where unknown.
      text: as it was written.
      mode: see `_set_modes`.
      bound: attributes that are named beside it.
      taken: whether another item says it too, as a value of the attribute that this one names.
      override: in the place of the entry's meanings.
      of: of a colour: ("part" or "mark", the word), where it is not the garment's; see `_mark_part`.
    """

    entry: _Entry | None
    text: str
    mode: str = ""
    bound: frozenset[int] = frozenset()
    taken: bool = False
    override: list[_Meaning] | None = None
    of: tuple[str, str] | str = ""

    def is_(self, role):
        return self.entry is not None and role in self.entry.roles

    def color(self, attribute):
        """The value that it is of an attribute of colours."""
        return next((m.value for m in self.meanings if m.attribute == attribute), None)

    @property
    def meanings(self):
        if self.override is not None:
            return self.override
        return self.entry.meanings if self.entry else []

    @property
    def names(self):
        return self.entry.attributes if self.entry else set()

    @property
    def hue(self):
        return self.entry.hue if self.entry else {}

    @property
    def negates(self):
        return self.is_("not") or self.is_("remove")

    @property
    def filler(self):
        """Whether it carries no content."""
        content = {"garment", "break", "is", "term", "mark", "part"}
        return self.entry is not None and self.entry.plain and not self.entry.roles & content

    @property
    def modest(self):
        """Whether a value and the attribute it belongs to may have it between them."""
        controls = {"garment", "break", "and", "or", "not", "remove", "resume", "instead", "into", "for"}
        return self.entry is None or (self.entry.plain and not self.entry.roles & controls)


@dataclasses.dataclass(frozen=True)
class _Claim:
    """That a value is wanted or, if `negated`, is not.

    Attributes:
      meaning: the value.
      text: that says so.
      instead: of a negated one, the value that stands for it; UNKNOWN for the other of two; None where none does.
    """

    meaning: _Meaning
    text: str
    instead: int | None = None
    negated: bool = False


# The table.


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
        bad = [part for text in section.values() for part in _split(text) if "=" not in part]
    elif name == "colors":
        right, bad = "#rrggbb and the colours it is one of", [t for t in section.values() if not _HEX.match(t)]
    return f"{bad[0]!r} in section {name!r} should be {right}" if bad else None


def _split(text):
    return [part.strip() for part in text.split(",") if part.strip()]


# The table for one schema.


@functools.lru_cache(maxsize=8)
def _compile(schema: Schema, table: Table) -> _Lexicon:
    """All terms of a table and a schema."""
    entries = collections.defaultdict(_Entry)
    for role, words in _grammar(table).items():
        for word in words:
            entries[_stems(word)].roles.add(role)
    names = _name_attributes(schema, table)
    for word, attributes in names.items():
        entries[word].attributes |= attributes
    for layer in table.layers:
        for term, meanings in _layer_values(schema, layer).items():
            entries[term].meanings = meanings
        for term in map(_stems, _split(layer.get("ignored", ""))):
            entries[term].meanings = []
    mixed = {m.attribute: m.value for m in entries[_stems("multicolor")].meanings}
    _add_colors(entries, schema, _colors(table))
    for term, meanings in _own_names(schema, set(_all(table, "needs_attribute")), names).items():
        own = {m.attribute for m in meanings}
        known = [m for m in entries[term].meanings if m.attribute not in own and m.rank is _Rank.IMPLIED]
        entries[term].meanings = meanings + known
    _mark_either(entries)
    styles = {name: _style(schema, text) for name, text in _merged(table, "styles").items()}
    for name, meanings in styles.items():
        entries[_stems(name)].style = name if meanings else ""
    for term, entry in list(entries.items()):
        if len(term) == 2 and not entry.roles:
            entries.setdefault(("".join(term),), entry)  # vneck
    terms = {term: entry for term, entry in entries.items() if term}
    words = {word for term in terms for word in term}
    return _Lexicon(
        terms=terms,
        words=frozenset(words | {_stem(word) for word in _all(table, "not_misspelt")}),
        letters=tuple(sorted(word for word in words if len(word) >= 4 and word.isalpha())),
        longest=max(map(len, terms)),
        neutral=_neutral(schema, _merged(table, "without")),
        excluded=_neutral(schema, _merged(table, "not")) | _other_of_two(schema),
        styles=styles,
        mixed=mixed,
    )


def _grammar(table):
    """{role: terms that have it}."""
    roles = {"not": _NOT, "remove": _REMOVE, "instead": _INSTEAD, "turn": _TURN, "swap": _SWAP}
    roles |= {
        "into": _INTO,
        "for": _FOR,
        "keep": _KEEP,
        "resume": _RESUME,
        "or": ("or", "nor"),
        "and": ("and",),
        "break": (*",;.!?",),
        "is": (":", "="),
    }
    roles |= {"mark": _all(table, "marks"), "part": _all(table, "parts"), "garment": _all(table, "garments")}
    sections = [_merged(table, name) for name in ("words", "implied", "colors")]
    said = [word for section in sections[:2] for text in section.values() for word in _split(text)]
    roles |= {"term": (*said, *sections[2])}  # named where the schema has no such value
    return roles | {"style_word": _all(table, "style_words"), "ignored": _all(table, "ignored")}


def _all(table, name):
    return [word for layer in table.layers for word in _split(layer.get(name, ""))]


def _merged(table, name):
    return {key: text for layer in table.layers for key, text in layer.get(name, {}).items()}


def _stem(word):
    """A word in the singular, roughly."""
    if len(word) < 4 or word.endswith(("ss", "us", "is")) or not word.endswith("s"):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("sses", "xes", "shes", "ches", "zzes")) else word[:-1]


@functools.lru_cache(maxsize=8192)
def _stems(text):
    return tuple(token.stem for token in _tokens(text))


def _tokens(text: str) -> list[_Token]:
    """Words and marks of a text, with where they stand in it."""
    plain = text.lower().replace("’", "'").replace("_", " ").replace("–", ",").replace("—", ",")
    tokens = []
    for found in re.finditer(r"\d+/\d+|w/o\b|w/|[sl]/s\b|[^\W_]+(?:'[^\W_]+)*|\s-\s|[&+/=:;,.!?]", plain):
        word = unicodedata.normalize("NFKD", found[0])
        word = "".join(c for c in word if not unicodedata.combining(c))
        word = {"w/o": "without", "w/": "with", "&": "and", "+": "and", "/": "and", " - ": ","}.get(word, word)
        word = _stem(re.sub("'s$", "", word).replace("'", ""))
        tokens.append(_Token(word, *found.span()))
    return tokens


def _matches(schema, key):
    """(attribute, value) indices that a table's `sleeve|arm=long|full` may stand for, the likeliest first."""
    wanted, _, values = key.partition("=")
    found = []
    for attribute in _attributes(schema, wanted):
        names = {_stems(value): i for i, value in reversed(list(enumerate(schema.attributes[attribute].values)))}
        value = next((names[_stems(v)] for v in values.split("|") if _stems(v) in names), None)
        found += [] if value is None else [(attribute, value)]
    return found


def _attributes(schema, key):
    """Indices of the attributes whose name is, or has in it, a word of `sleeve|arm`."""
    names = [(_stems(name), *((stem,) for stem in _stems(name))) for name in schema.names]
    found = [a for word in key.split("|") for a, terms in enumerate(names) if _stems(word) in terms]
    return list(dict.fromkeys(found))


def _name_attributes(schema, table):
    """{term: the attributes that it names}."""
    names = collections.defaultdict(set)
    for layer in table.layers:
        for key, words in layer.get("attributes", {}).items():
            for word in _split(words):
                names[_stems(word)].update(_attributes(schema, key))
    dull = {_stems(word) for name in ("ignored", "garments") for word in _all(table, name)}
    for a, name in enumerate(schema.names):
        parts = {(stem,) for stem in _stems(name)} - dull
        for term in parts:
            names[term] = {a, *(b for b in names[term] if term[0] in _stems(schema.names[b]))}  # own names come first
        names[_stems(name)] = {a}
    return {term: attributes for term, attributes in names.items() if attributes}


def _layer_values(schema, layer):
    """{term: what it means} in one table."""
    found = collections.defaultdict(list)
    for section, rank in (("words", _Rank.SAID), ("implied", _Rank.IMPLIED)):
        for key, words in layer.get(section, {}).items():
            matches = _matches(schema, key)
            for term in map(_stems, _split(words) if matches else ()):
                own = (m for m in matches if set(_stems(schema.attributes[m[0]].values[m[1]])) <= set(term))
                found[term].append(_Meaning(*next(own, matches[0]), rank))
    return found


def _own_names(schema, weak, names):
    """{term: values of that name}."""
    weak_terms = {_stems(word) for word in weak if "=" not in word}
    weak_pairs = {pair for word in weak if "=" in word for pair in _matches(schema, word)}
    found = collections.defaultdict(list)
    for a, attribute in enumerate(schema.attributes):
        for v, value in enumerate(attribute.values):
            term = _stems(value)
            short = tuple(stem for stem in term if a not in names.get((stem,), ())) or term
            for name in dict.fromkeys((term, short)):
                dull = name in weak_terms or (a, v) in weak_pairs or len("".join(name)) < 2 or "".join(name).isdigit()
                found[name].append(_Meaning(a, v, _Rank.SAID, weak=dull or name != term))
        yes = next((v for v, value in enumerate(attribute.values) if value.lower() in _YES), None)
        if yes is not None and all(value.lower() in _YES + _NO for value in attribute.values):
            found[_stems(attribute.name)].append(_Meaning(a, yes, _Rank.SAID))
    return found


def _mark_either(entries):
    """Marks what is a value of several attributes in the same way, so that only the attribute's name can tell."""
    for entry in entries.values():
        said = [m for m in entry.meanings if m.rank is _Rank.SAID]
        if len({m.attribute for m in said}) > 1:
            entry.meanings = [dataclasses.replace(m, either=m.rank is _Rank.SAID) for m in entry.meanings]


def _style(schema, text):
    return tuple(_Meaning(a, v, _Rank.STYLE) for key in _split(text) for a, v in _matches(schema, key)[:1])


def _neutral(schema, section):
    """{attribute: the value that stands for having none}."""
    found = {}
    for a, attribute in enumerate(schema.attributes):
        for v, value in enumerate(attribute.values):
            if value.lower() in _NO or _stems(value)[:1] in (("no",), ("without",)):
                found.setdefault(a, v)
    for key, values in section.items():
        found |= dict(_matches(schema, f"{key}={values}"))
    return found


def _other_of_two(schema):
    """Attributes of two values, for which what is not one is the other: {attribute: UNKNOWN}."""
    return {a: UNKNOWN for a, attribute in enumerate(schema.attributes) if len(attribute.values) == 2}


# Colours.


@dataclasses.dataclass(frozen=True)
class _Color:
    lab: tuple[float, float, float]
    families: tuple[str, ...]  # basic colours that it may count as, the likeliest first


def _colors(table):
    """{term: colour} of a table's `"navy": "#000080 blue"`."""
    texts = {_stems(name): text.split() for name, text in _merged(table, "colors").items()}
    return {term: _Color(_lab(code), tuple(families)) for term, (code, *families) in texts.items()}


def _add_colors(entries, schema, colors):
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
                entry.meanings = [*entry.meanings, _Meaning(attribute, value, _Rank.SAID)]


def _color_attributes(schema, colors):
    """Attributes at least half of whose values are names of colours."""
    shares = [len(_known_colors(a.values, colors)) / len(a.values) for a in schema.attributes]
    return [a for a, share in enumerate(shares) if share >= 0.5]


def _known_colors(values, colors):
    """{value index: its colour}, of values that are names of colours."""
    found = {}
    for v, value in enumerate(values):
        stems = _stems(value)
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


# The text.


def parse(text: str, schema: Schema, table: Table) -> Parsed:
    """What a text asks for.

    Args:
      text: such as "a navy jumper with long sleeves, no buttons".
      schema: whose values are wanted.
      table: of `read_table`.

    Raises:
      UserError: nothing is understood, or the text contradicts itself.
    """
    lexicon = _compile(schema, table)
    items = _items(_spell(_tokens(text), lexicon), lexicon, text)
    _set_modes(items)
    _drop_denied(items)
    _bind(items)
    _join_colors(items, lexicon.mixed)
    claims, unknown = _claims(items, lexicon)
    understood, unanswered = _settle(claims, schema)
    if not understood:
        unknown = ", ".join(f'"{words}"' for words in dict.fromkeys(unknown + unanswered))
        why = f": {unknown} say no value that there is" if unknown else ""
        raise UserError(f"{text!r} asks for nothing{why}; say what is wanted, such as {_example(schema)}")
    values = {found.attribute: found.value for found in understood}
    return Parsed(values, tuple(understood), tuple(dict.fromkeys(unknown + unanswered)))


def _example(schema):
    return ", ".join(f"{a.name}={a.values[0]}" for a in schema.attributes[:3])


def _spell(tokens, lexicon):
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
    entries = [lexicon.terms.get((word,), _Entry()) for word in words]
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


def _items(tokens, lexicon, text):
    """Cuts tokens into the longest terms."""
    items, i = [], 0
    stems = [token.stem for token in tokens]
    while i < len(tokens):
        sizes = range(min(lexicon.longest, len(tokens) - i), 0, -1)
        size = next((n for n in sizes if tuple(stems[i : i + n]) in lexicon.terms), 1)
        entry = lexicon.terms.get(tuple(stems[i : i + size]))
        items.append(_Item(entry, text[tokens[i].start : tokens[i + size - 1].end]))
        i += size
    return items


def _set_modes(items):
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
        elif _goal(items, i) is not None:
            goal = _goal(items, i)
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


def _drop_denied(items):
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


def _bind(items):
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


def _join_colors(items, mixed):
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
        left[0].override = [_Meaning(c, mixed[c], _Rank.SAID) for c in left[0].hue if c in mixed]


def _mark_part(items, run):
    """Notes of a colour what part of the garment it is said of: "part", "mark" of a pattern, or none."""
    after = items[run[-1] + 1] if run[-1] + 1 < len(items) else None
    whole = run[-1] + 2 < len(items) and items[run[-1] + 2].is_("garment")  # white button shirt
    role = next((role for role in ("mark", "part") if after and after.is_(role) and not whole), "")
    for i in run:
        items[i].of = role and (role, after.text)


def _claims(items, lexicon):
    """(what the items claim, the words that are not understood)."""
    claims, unknown = [], []
    any_main = any(item.hue and not item.of and not item.taken and not item.mode for item in items)
    for i, item in enumerate(items):
        if item.taken or item.mode in ("gone", "kept") or item.filler or item.is_("break") or item.is_("is"):
            continue
        if item.of and (item.of[0] == "part" or any_main):
            unknown.append(f"{item.text} {item.of[1]}")
            continue
        style = _asks_for_style(items, i)
        meanings = lexicon.styles[item.entry.style] if style else _meant(items, i)
        negated = item.mode == "not"
        text = f"no {item.text}" if negated else item.text
        if meanings:
            claims += [
                _Claim(m, text, lexicon.excluded.get(m.attribute) if negated else None, negated) for m in meanings
            ]
        elif item.names and not item.meanings:
            if negated and _directly_negated(items, i):
                none = [_Meaning(a, lexicon.neutral[a], _Rank.SAID) for a in item.names if a in lexicon.neutral]
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
    if not items[i].entry or not items[i].entry.style:
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


def _settle(claims, schema):
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
        said = [claim for claim in wanted if claim.meaning.rank is _Rank.SAID]
        for claim in said:
            if claim.meaning.value in barred:
                raise UserError(
                    f'"{claim.text}" and "{barred[claim.meaning.value].text}" contradict each other'
                    f" ({schema.names[attribute]})"
                )
        wanted = [claim for claim in wanted if claim.meaning.value not in barred]
        implied = [claim for claim in wanted if claim.meaning.rank is _Rank.IMPLIED]
        styles = [claim for claim in wanted if claim.meaning.rank is _Rank.STYLE]
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
