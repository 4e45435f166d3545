"""`manifest`: any folder with a `labels.csv`, such as a shop's own photos.

Its column `image` has paths relative to the folder, an optional column `split` train,
validation or test, and every other column is an attribute; an empty cell is unknown. The
schema is learnt from the file, values in alphabetical order, unless a `schema.json` beside it
({"color": ["red", "blue"], ...}) says which columns are attributes and which values they have.
"""

import pathlib

from amgan_jax.attributes import UNKNOWN, Schema
from amgan_jax.errors import UserError
from labelled_photos import to_photos
from photo_list import PhotoList, read_schema, read_table, split_by_hash

_FREE_TEXT = 50  # values of a column, above which it may be no attribute


def read(source: pathlib.Path) -> PhotoList:
    """Reads a folder's labels.csv.

    Raises:
      UserError: the files cannot be read, a column is missing or no attribute, a photo stands in
        two rows, or a value stands in rows of validation or test alone.
    """
    path = source / "labels.csv"
    columns, rows = read_table(path, ("image",))
    for name in columns:
        if name.lower() in ("image", "split") and name != name.lower():
            raise UserError(f"{path} row 1: column {name!r}: write {name.lower()!r}, or give it another name")
    if not rows:
        raise UserError(f"{path} has no row below the names of its columns")
    for row in rows:
        row |= {name: (row[name] or "").strip() for name in ("image", "split") if name in row}
    schema_file = source / "schema.json"
    schema = read_schema(schema_file) if schema_file.exists() else _learn(path, columns, rows)
    missing = [name for name in schema.names if name not in columns]
    if missing:
        raise UserError(f"{path} row 1: column {missing[0]!r} of {schema_file} is missing: {', '.join(columns)}")
    if "split" not in columns:
        _split(schema, rows)
    photos = to_photos(schema, path, rows, "image", lambda image: source / image)
    if not schema_file.exists():
        _check_trained(schema, [photo for photo in photos if photo.fault is None])
    return PhotoList(schema, photos)


def _learn(path, columns, rows):
    """The schema of a file's columns."""
    values = {}
    for name in columns:
        if name in ("image", "split"):
            continue
        if not name.strip():
            raise UserError(f"{path} row 1: column {columns.index(name) + 1} has no name: give it one or remove it")
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
    for split in ("validation", "test"):  # which a small set may lack
        if all(row["split"] != split for row in rows):
            spare = next((row for row in rows if _is_spare(schema, rows, row)), None)
            if spare:
                spare["split"] = split


def _is_spare(schema, rows, row):
    """Whether training keeps a photo of each of a row's values without it."""
    others = [other for other in rows if other is not row and other["split"] == "train"]
    return row["split"] == "train" and all({row[n]} <= {other[n] for other in others} for n in schema.names)


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
