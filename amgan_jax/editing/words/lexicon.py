"""A table made ready for one schema: every term, with what it means there."""

import collections
import dataclasses
import functools

from amgan_jax.editing.words.colors import add_colors, read_colors
from amgan_jax.editing.words.meanings import Entry, Lexicon, Meaning, Rank
from amgan_jax.editing.words.table import Table, all_of, merged, split_list
from amgan_jax.editing.words.tokens import to_stem, to_stems
from amgan_jax.schema import UNKNOWN, Schema

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
_YES, _NO = ("yes", "true", "with", "present", "1"), ("no", "none", "false", "without", "absent", "0")


@functools.lru_cache(maxsize=8)
def compile_table(schema: Schema, table: Table) -> Lexicon:
    """All terms of a table and a schema."""
    entries = collections.defaultdict(Entry)
    for role, words in _grammar(table).items():
        for word in words:
            entries[to_stems(word)].roles.add(role)
    names = _name_attributes(schema, table)
    for word, attributes in names.items():
        entries[word].attributes |= attributes
    for layer in table.layers:
        for term, meanings in _layer_values(schema, layer).items():
            entries[term].meanings = meanings
        for term in map(to_stems, split_list(layer.get("ignored", ""))):
            entries[term].meanings = []
    mixed = {m.attribute: m.value for m in entries[to_stems("multicolor")].meanings}
    add_colors(entries, schema, read_colors(table))
    for term, meanings in _own_names(schema, set(all_of(table, "needs_attribute")), names).items():
        own = {m.attribute for m in meanings}
        known = [m for m in entries[term].meanings if m.attribute not in own and m.rank is Rank.IMPLIED]
        entries[term].meanings = meanings + known
    _mark_either(entries)
    styles = {name: _style(schema, text) for name, text in merged(table, "styles").items()}
    for name, meanings in styles.items():
        entries[to_stems(name)].style = name if meanings else ""
    for term, entry in list(entries.items()):
        if len(term) == 2 and not entry.roles:
            entries.setdefault(("".join(term),), entry)  # vneck
    terms = {term: entry for term, entry in entries.items() if term}
    words = {word for term in terms for word in term}
    return Lexicon(
        terms=terms,
        words=frozenset(words | {to_stem(word) for word in all_of(table, "not_misspelt")}),
        letters=tuple(sorted(word for word in words if len(word) >= 4 and word.isalpha())),
        longest=max(map(len, terms)),
        neutral=_neutral(schema, merged(table, "without")),
        excluded=_neutral(schema, merged(table, "not")) | _other_of_two(schema),
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
    roles |= {"mark": all_of(table, "marks"), "part": all_of(table, "parts"), "garment": all_of(table, "garments")}
    sections = [merged(table, name) for name in ("words", "implied", "colors")]
    said = [word for section in sections[:2] for text in section.values() for word in split_list(text)]
    roles |= {"term": (*said, *sections[2])}  # named where the schema has no such value
    return roles | {"style_word": all_of(table, "style_words"), "ignored": all_of(table, "ignored")}


def _matches(schema, key) -> list[tuple[int, int]]:
    """(attribute, value) indices that a table's `sleeve|arm=long|full` may stand for, the likeliest first."""
    wanted, _, values = key.partition("=")
    found = []
    for attribute in _attributes(schema, wanted):
        names = {to_stems(value): i for i, value in reversed(list(enumerate(schema.attributes[attribute].values)))}
        value = next((names[to_stems(v)] for v in values.split("|") if to_stems(v) in names), None)
        found += [] if value is None else [(attribute, value)]
    return found


def _attributes(schema, key):
    """Indices of the attributes whose name is, or has in it, a word of `sleeve|arm`."""
    names = [(to_stems(name), *((stem,) for stem in to_stems(name))) for name in schema.names]
    found = [a for word in key.split("|") for a, terms in enumerate(names) if to_stems(word) in terms]
    return list(dict.fromkeys(found))


def _name_attributes(schema, table):
    """{term: the attributes that it names}."""
    names = collections.defaultdict(set)
    for layer in table.layers:
        for key, words in layer.get("attributes", {}).items():
            for word in split_list(words):
                names[to_stems(word)].update(_attributes(schema, key))
    dull = {to_stems(word) for name in ("ignored", "garments") for word in all_of(table, name)}
    for a, name in enumerate(schema.names):
        parts = {(stem,) for stem in to_stems(name)} - dull
        for term in parts:
            names[term] = {a, *(b for b in names[term] if term[0] in to_stems(schema.names[b]))}  # own names come first
        names[to_stems(name)] = {a}
    return {term: attributes for term, attributes in names.items() if attributes}


def _layer_values(schema, layer):
    """{term: what it means} in one table."""
    found = collections.defaultdict(list)
    for section, rank in (("words", Rank.SAID), ("implied", Rank.IMPLIED)):
        for key, words in layer.get(section, {}).items():
            matches = _matches(schema, key)
            for term in map(to_stems, split_list(words) if matches else ()):
                own = (m for m in matches if set(to_stems(schema.attributes[m[0]].values[m[1]])) <= set(term))
                found[term].append(Meaning(*next(own, matches[0]), rank))
    return found


def _own_names(schema, weak, names):
    """{term: values of that name}."""
    weak_terms = {to_stems(word) for word in weak if "=" not in word}
    weak_pairs = {pair for word in weak if "=" in word for pair in _matches(schema, word)}
    found = collections.defaultdict(list)
    for a, attribute in enumerate(schema.attributes):
        for v, value in enumerate(attribute.values):
            term = to_stems(value)
            short = tuple(stem for stem in term if a not in names.get((stem,), ())) or term
            for name in dict.fromkeys((term, short)):
                dull = name in weak_terms or (a, v) in weak_pairs or len("".join(name)) < 2 or "".join(name).isdigit()
                found[name].append(Meaning(a, v, Rank.SAID, weak=dull or name != term))
        yes = next((v for v, value in enumerate(attribute.values) if value.lower() in _YES), None)
        if yes is not None and all(value.lower() in _YES + _NO for value in attribute.values):
            found[to_stems(attribute.name)].append(Meaning(a, yes, Rank.SAID))
    return found


def _mark_either(entries):
    """Marks what is a value of several attributes in the same way, so that only the attribute's name can tell."""
    for entry in entries.values():
        said = [m for m in entry.meanings if m.rank is Rank.SAID]
        if len({m.attribute for m in said}) > 1:
            entry.meanings = [dataclasses.replace(m, either=m.rank is Rank.SAID) for m in entry.meanings]


def _style(schema, text):
    return tuple(Meaning(a, v, Rank.STYLE) for key in split_list(text) for a, v in _matches(schema, key)[:1])


def _neutral(schema, section):
    """{attribute: the value that stands for having none}."""
    found = {}
    for a, attribute in enumerate(schema.attributes):
        for v, value in enumerate(attribute.values):
            if value.lower() in _NO or to_stems(value)[:1] in (("no",), ("without",)):
                found.setdefault(a, v)
    for key, values in section.items():
        found |= dict(_matches(schema, f"{key}={values}"))
    return found


def _other_of_two(schema):
    """Attributes of two values, for which what is not one is the other: {attribute: UNKNOWN}."""
    return {a: UNKNOWN for a, attribute in enumerate(schema.attributes) if len(attribute.values) == 2}
