"""`manifest`: any folder with a `labels.csv`, such as a shop's own photos.

Its column `image` has paths relative to the folder, an optional column `split` train,
validation (or val) or test, an optional column `group` what belongs into one split, such as a product
with several photos, an optional column `mask` paths of pictures that are white where the garment is (without it,
masks/<image>.png is taken where it is), and every other column is an attribute; an empty cell is unknown. The
schema is learnt from the file, values in alphabetical order, unless a `schema.json` beside it
({"color": ["red", "blue"], ...}) says which columns are attributes and which values they have.
"""

import collections
import contextlib
import dataclasses
import os
import pathlib
import re
import unicodedata

from absl import flags

from amgan_jax.datasets import foregrounds
from amgan_jax.datasets.dataset import Dataset
from amgan_jax.datasets.labelled_photos import to_photos
from amgan_jax.datasets.photo_list import File, PhotoList, Row, read_schema, read_table, split_by_hash
from amgan_jax.errors import UserError
from amgan_jax.schema import UNKNOWN, Schema

_RESERVED = ("image", "split", "group", "mask")
_FREE_TEXT = 50  # values of a column, above which it may be no attribute
_UNKNOWN_WORDS = {
    "-", "--", "–", "—", "?", "#n/a", "#na", "<na>", "n.a", "n.a.", "n/a", "na", "nan", "null", "missing", "undefined",
    "unknown",
}  # fmt: skip
_SPLITS = {"val": "validation", "valid": "validation"}  # other words for splits
_JOINT = re.compile(r"(?<=[^\W\d_])[-_](?=[^\W\d_])")  # between two letters, as in v-neck
_NAMED = 3  # columns that a message names


def read(source: pathlib.Path, fold: bool | None = None) -> PhotoList:
    """Reads a folder's labels.csv.

    Args:
      source: the folder.
      fold: whether spellings of a value are one value, and words such as NA unknown; None to refuse them.

    Raises:
      UserError: the files cannot be read, a column is missing or no attribute, a photo stands in
        two rows, a group in two splits, a value in rows of validation or test alone, or values may be
        spellings of one.
    """
    path = source / "labels.csv"
    columns, rows = read_table(path, ("image",))
    for name in columns:
        if name.lower() in _RESERVED and name != name.lower():
            raise UserError(f"{path} row 1: column {name!r}: write {name.lower()!r}, or give it another name")
    if not rows:
        raise UserError(f"{path} has no row below the names of its columns")
    for row in rows:
        row |= {name: (row[name] or "").strip() for name in columns}
    schema_file = source / "schema.json"
    schema = _read_schema(schema_file) if schema_file.exists() else None
    notes = _fold(path, rows, _attributes(columns, schema), schema, fold)
    schema = schema or _learn(path, columns, rows)
    missing = [name for name in schema.names if name not in columns]
    if missing:
        raise UserError(f"{path} row 1: column {missing[0]!r} of {schema_file} is missing: {', '.join(columns)}")
    made, more = _split(path, schema, columns, rows)
    photos = to_photos(schema, path, rows, "image", lambda image: source / image)
    photos = [
        dataclasses.replace(photo, movable=photo.split in made, mask=_mask(source, row))
        for photo, row in zip(photos, rows, strict=True)
    ]
    if not schema_file.exists():
        _check_trained(schema, [photo for photo in photos if photo.fault is None])
    masks = None if "mask" in columns else source / "masks"
    return PhotoList(schema, photos, notes=notes + more, masks=masks)


def _read_schema(path):
    schema = read_schema(path)
    for name in schema.names:
        if name in _RESERVED:
            raise UserError(
                f"{path}: no attribute can be called {name!r}, a column with a meaning of its own: rename it"
            )
    return schema


def _mask(source, row):
    if "mask" in row:
        return File(source / row["mask"]) if row["mask"] else None
    return foregrounds.find(source / "masks", None, os.path.splitext(row["image"])[0])


def _attributes(columns, schema):
    """The columns that are attributes."""
    return [name for name in columns if name not in _RESERVED and (schema is None or name in schema.names)]


def _fold(path, rows, names, schema, fold):
    """Has one spelling of each value, and none for unknown ones, where `fold` says so: notes of what was done.

    Raises:
      UserError: `fold` is None, and there is something to fold.
    """
    found = {name: _respellings([row[name] for row in rows], _listed(schema, name)) for name in names}
    said = [f"{name}: {_describe(respelled)}" for name, respelled in found.items() if respelled]
    if not said or fold is False:
        return []
    if fold is None:
        more = f"; {len(said) - _NAMED} more columns" if len(said) > _NAMED else ""
        raise UserError(
            f"{path} has words that may mean the same: {'; '.join(said[:_NAMED])}{more}."
            " data/build.py --fold_values takes them so, --nofold_values keeps each as a value of its own"
        )
    for row in rows:
        row |= {name: found[name].get(row[name], row[name]) for name in names}
    return [f"taken for one: {text}" for text in said]


def _listed(schema, name):
    return schema.attributes[schema.index(name)].values if schema else ()


def _respellings(values, listed):
    """What each value that is not a value of its own is taken for: "" for unknown ones.

    Of several spellings, one that is listed stays, else the commonest, else the first in alphabetical order.
    """
    spellings = collections.defaultdict(list)
    counts = collections.Counter(value for value in values if value)
    for value in sorted(counts.keys() | set(listed), key=lambda v: (v not in listed, -counts[v], v)):
        spellings[_plain(value)].append(value)
    respelled = {}
    for plain, alike in spellings.items():
        best = "" if plain in _UNKNOWN_WORDS and alike[0] not in listed else " ".join(alike[0].split())
        best = alike[0] if alike[0] in listed else best
        respelled |= {value: best for value in alike if value not in listed and value != best}
    return respelled


def _plain(value):
    """A value without what spellings differ in: case, kinds of letters and spaces, and letters that are not seen."""
    seen = "".join(c for c in unicodedata.normalize("NFKC", value) if unicodedata.category(c) != "Cf")
    return " ".join(_JOINT.sub(" ", seen.casefold()).split())


def _describe(respelled):
    """`'Red', 'RED' as 'red', 'NA' as unknown`."""
    spellings = collections.defaultdict(list)
    for value, best in respelled.items():
        spellings[best].append(repr(value))
    return ", ".join(f"{', '.join(v)} as {repr(best) if best else 'unknown'}" for best, v in spellings.items())


def _learn(path, columns, rows):
    """The schema of a file's columns."""
    values = {}
    for name in _attributes(columns, None):
        if not name.strip():
            raise UserError(f"{path} row 1: column {columns.index(name) + 1} has no name: give it one or remove it")
        found = sorted({row[name] for row in rows} - {""})
        if len(found) < 2:
            has = f"only the value {found[0]!r}" if found else "no value"
            raise UserError(f"{path}: attribute {name!r} has {has}, nothing to learn or to edit: remove the column")
        if all(map(_is_number, found)):
            raise UserError(
                f"{path}: column {name!r} has numbers ({', '.join(found[:3])}, ...), no attribute: remove it, or,"
                " where they are values, list them in a schema.json beside the file"
            )
        if len(found) > _FREE_TEXT and len(found) > len(rows) / 10:
            raise UserError(
                f"{path}: column {name!r} has {len(found)} values in {len(rows)} rows, no attribute: remove it,"
                " or say in a schema.json beside the file which columns are attributes"
            )
        values[name] = found
    if not values:
        raise UserError(f"{path} row 1: no column for an attribute beside {', '.join(columns)}")
    return Schema.from_values(values)


def _is_number(text):
    """Whether a text is a number, with or without a sign of money or percent: 0.5, 0,5, 1,234.5, $5, 12%."""
    bare = text.strip("$€£¥% ")
    for number in (bare.replace(",", "."), bare.replace(",", "")):
        with contextlib.suppress(ValueError):
            float(number)
            return True
    return False


def _split(path, schema, columns, rows):
    """Has photos in each split, all of a group in one: (splits whose photos were chosen here, notes of that).

    A split that the file does not have is held out of train, by a hash of the group or the path.
    """
    given = "split" in columns
    for row in rows:
        word = row.get("split", "train").lower()
        row["split"] = _SPLITS.get(word, word)
    units = collections.defaultdict(list)
    for row in rows:
        units[row.get("group") or row["image"]].append(row)
    for name, members in units.items():
        other = next((row for row in members if row["split"] != members[0]["split"]), None)
        if other:
            raise UserError(
                f"{path} row {other.number}: group {name!r} is in split {other['split']!r}, and in"
                f" {members[0]['split']!r} in row {members[0].number}: give it one"
            )
    missing = [split for split in ("validation", "test") if all(row["split"] != split for row in rows)]
    _hold_out(schema, units, missing)
    if not given or not missing:
        return missing, []
    held = ", ".join(f"{sum(row['split'] == split for row in rows)} photos for {split}" for split in missing)
    return missing, [f"{path} has no {' and no '.join(missing)}: held out of train, {held}"]


def _hold_out(schema, units: dict[str, list[Row]], splits):
    """Moves units of training rows into splits; a value that no training photo would have keeps a unit there."""
    moved = []
    for name, members in units.items():
        split = split_by_hash(name)
        if split in splits and members[0]["split"] == "train":
            _move(members, split)
            moved.append(members)
    rows = [row for members in units.values() for row in members]
    for name in schema.names:
        trained = {row[name] for row in rows if row["split"] == "train"}
        for members in moved:
            if any(row[name] not in trained for row in members):
                _move(members, "train")
                trained |= {row[name] for row in members}
    for split in splits:  # which a small set may lack
        if all(row["split"] != split for row in rows):
            spare = next((members for members in units.values() if _is_spare(schema, rows, members)), [])
            _move(spare, split)


def _move(rows, split):
    for row in rows:
        row["split"] = split


def _is_spare(schema, rows, members):
    """Whether training keeps a photo of each of some rows' values without them."""
    ours = set(map(id, members))
    others = [row for row in rows if id(row) not in ours and row["split"] == "train"]
    return members[0]["split"] == "train" and all(
        {row[n] for row in members} <= {other[n] for other in others} for n in schema.names
    )


def _check_trained(schema, photos):
    for a, attribute in enumerate(schema.attributes):
        trained = {photo.label[a] for photo in photos if photo.split == "train"}
        for photo in photos:
            if photo.label[a] not in trained and photo.label[a] != UNKNOWN:
                value = attribute.values[photo.label[a]]
                raise UserError(
                    f"{photo.where}: no photo of split train has the value {value!r} of {attribute.name}:"
                    " it cannot be learnt; move a photo to train or empty the cell"
                )


def _define_flags():
    flags.DEFINE_string("name", "photos", "Of manifest: what this set is called among others.")
    flags.DEFINE_bool(
        "fold_values",
        None,
        "Of manifest: take 'Red' and 'RED' for one value, and '-', 'NA', 'unknown' and the like for unknown ones;"
        " or, with --nofold_values, each for a value of its own. Default: name them, and stop.",
    )


def _read_named(source, name, fold_values):
    return dataclasses.replace(read(source, fold_values), variant={"name": name})


DATASET = Dataset(
    "Anyone's photos with a labels.csv.",
    _read_named,
    marks=("labels.csv",),
    flags=("name", "fold_values"),
    define_flags=_define_flags,
    watched=("labels.csv", "schema.json"),
)
