"""`fashion_products` and `clothing_attributes`: a folder of photos, and a labels file that stands beside this one."""

import pathlib

from amgan_jax.attributes import UNKNOWN, Schema
from amgan_jax.errors import UserError
from photo_list import SPLITS, Photo, PhotoList, read_table, reader

# Both labels files use these values.
SCHEMA = Schema.from_json((pathlib.Path(__file__).parent / "photo_schema.json").read_text())


def read(source: pathlib.Path, labels_file: pathlib.Path) -> PhotoList:
    """Reads a labels file.

    Args:
      source: has `images/<image_id>.jpg`.
      labels_file: a CSV with the columns image_id, split and one for each attribute.

    Raises:
      UserError: there is no folder images/, a column is missing, or a photo stands in two rows.
    """
    folder = source / "images"
    if not folder.is_dir():
        raise UserError(f"{source} has no folder images/ of <image_id>.jpg files")
    _, rows = read_table(labels_file, ("image_id", "split", *SCHEMA.names))
    photos, row_of = [], {}
    for number, row in enumerate(rows, start=2):
        name = row["image_id"]
        where = f"{labels_file} row {number} ({name})"
        if name in row_of:
            raise UserError(f"{where}: the photo stands in row {row_of[name]} too")
        row_of[name] = number
        label, fault = encode(SCHEMA, row)
        if row["split"] not in SPLITS:
            fault = f"unknown split {row['split']!r}: {', '.join(SPLITS)}"
        split = row["split"] if fault is None else SPLITS[0]
        photos.append(Photo(name, split, where, reader(folder / f"{name}.jpg"), label, fault=fault))
    return PhotoList(SCHEMA, photos)


def encode(schema: Schema, row: dict[str, str]) -> tuple[list[int], str | None]:
    """A row's label, and what is wrong with it."""
    try:
        return schema.encode(row), None
    except UserError as error:
        return [UNKNOWN] * len(schema.attributes), str(error)
