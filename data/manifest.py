"""`manifest`: any folder with a `labels.csv`, such as a shop's own photos.

Its column `image` has paths relative to the folder, an optional column `split` train,
validation or test, and every other column is an attribute; an empty cell is unknown. The
schema is learnt from the file, values in alphabetical order, unless a `schema.json` beside it
({"color": ["red", "blue"], ...}) says which columns are attributes and which values they have.
"""

import pathlib

from amgan_jax.attributes import Schema
from amgan_jax.errors import UserError
from labelled_photos import encode
from photo_list import SPLITS, Photo, PhotoList, read_table, reader, split_by_hash

_FREE_TEXT = 50  # values of a column, above which it may be no attribute


def read(source: pathlib.Path) -> PhotoList:
    """Reads a folder's labels.csv.

    Raises:
      UserError: the files cannot be read, a column is missing or no attribute, a photo stands in
        two rows, or a value stands in rows of validation or test alone.
    """
    path = source / "labels.csv"
    columns, rows = read_table(path, ("image",))
    if not rows:
        raise UserError(f"{path} has no row below the names of its columns")
    row_of = {}
    for number, row in enumerate(rows, start=2):
        image = row["image"] = (row["image"] or "").strip()
        if image in row_of:
            raise UserError(f"{path} row {number} ({image}): the photo stands in row {row_of[image]} too")
        row_of[image] = number
    schema_file = source / "schema.json"
    schema = _read_schema(schema_file) if schema_file.exists() else _learn(path, columns, rows)
    missing = [name for name in schema.names if name not in columns]
    if missing:
        raise UserError(f"{path} row 1: column {missing[0]!r} of {schema_file} is missing: {', '.join(columns)}")
    if "split" not in columns:
        _split(schema, rows)
    photos = [_photo(source, path, number, row, schema) for number, row in enumerate(rows, start=2)]
    if not schema_file.exists():
        _check_trained(schema, photos)
    return PhotoList(schema, photos)


def _read_schema(path):
    try:
        return Schema.from_json(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, UserError) as error:
        raise UserError(f"{path}: {error}") from error


def _learn(path, columns, rows):
    """The schema of a file's columns."""
    values = {}
    for name in columns:
        if name in ("image", "split"):
            continue
        found = sorted({(row[name] or "").strip() for row in rows} - {""})
        if len(found) < 2:
            has = f"only the value {found[0]!r}" if found else "no value"
            raise UserError(f"{path}: attribute {name!r} has {has}, nothing to learn or to edit: remove the column")
        if len(found) > _FREE_TEXT and len(found) > len(rows) / 10:
            raise UserError(
                f"{path}: column {name!r} has {len(found)} values in {len(rows)} rows, no attribute: remove it,"
                " or say in a schema.json beside the file which columns are attributes"
            )
        values[name] = found
    if not values:
        raise UserError(f"{path} row 1: no column for an attribute beside {', '.join(columns)}")
    return Schema.from_values(values)


def _split(schema, rows):
    """Splits by a hash of the path; a value that no training photo would have brings one with it."""
    for row in rows:
        row["split"] = split_by_hash(row["image"])
    for name in schema.names:
        trained = {row[name] for row in rows if row["split"] == "train"}
        for row in rows:
            if row[name] not in trained:
                row["split"] = "train"
                trained.add(row[name])


def _photo(source, path, number, row, schema):
    label, fault = encode(schema, row)
    split = (row["split"] or "").strip()
    if split not in SPLITS:
        fault, split = f"unknown split {split!r}: {', '.join(SPLITS)}", SPLITS[0]
    where = f"{path} row {number} ({row['image']})"
    return Photo(row["image"], split, where, reader(source / row["image"]), label, fault=fault)


def _check_trained(schema, photos):
    for a, attribute in enumerate(schema.attributes):
        trained = {photo.label[a] for photo in photos if photo.split == "train"}
        for photo in photos:
            if photo.label[a] not in trained and photo.label[a] >= 0 and not photo.fault:
                value = attribute.values[photo.label[a]]
                raise UserError(
                    f"{photo.where}: no photo of split train has the value {value!r} of {attribute.name}:"
                    " it cannot be learnt; move a photo to train or empty the cell"
                )
