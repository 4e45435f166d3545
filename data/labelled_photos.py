"""`fashion_products` and `clothing_attributes`: a folder of photos, and a labels file that stands beside this one.

And for `manifest` too: from the rows of any labels file to photos.
"""

from collections.abc import Callable
import dataclasses
import functools
import pathlib

from absl import flags

from amgan_jax.datasets import foregrounds
from amgan_jax.datasets.dataset import Dataset
from amgan_jax.datasets.photo_list import SPLITS, File, ListedPhoto, PhotoList, Row, read_table
from amgan_jax.errors import UserError, check_known
from amgan_jax.files import local_path
from amgan_jax.input import built
from amgan_jax.schema import Schema

# Both labels files use these values.
SCHEMA = Schema.from_json((built.LABELS / "photo_schema.json").read_text())


def dataset(labels_file: str, summary: str, masks_file: str | None = None) -> Dataset:
    """The dataset whose labels are in a file beside this one, or in that of --labels, and whose masks may be in one."""
    read_ = functools.partial(_read, labels_file, masks_file)
    return Dataset(summary, read_, marks=("images",), flags=("labels",), define_flags=_define_flags)


def _define_flags():
    flags.DEFINE_string(
        "labels", None, "Of fashion_products and clothing_attributes: a labels file, if not the one beside this script."
    )


def _read(labels_file, masks_file, source, labels):
    masks = built.LABELS / masks_file if masks_file else None
    return read(source, local_path(labels).absolute() if labels else built.LABELS / labels_file, masks)


def read(source: pathlib.Path, labels_file: pathlib.Path, masks_file: pathlib.Path | None = None) -> PhotoList:
    """Reads a labels file.

    Args:
      source: has `images/<image_id>.jpg` and may have `masks/<image_id>.png`, white where the garment is.
      labels_file: a CSV with the columns image_id, split and one for each attribute.
      masks_file: has the masks of a source without a folder masks/, see `foregrounds`.

    Raises:
      UserError: there is no folder images/, a column is missing, or a photo stands in two rows.
    """
    folder = source / "images"
    if not folder.is_dir():
        raise UserError(f"{source} has no folder images/ of <image_id>.jpg files")
    _, rows = read_table(labels_file, ("image_id", "split", *SCHEMA.names))
    photos = to_photos(SCHEMA, labels_file, rows, "image_id", lambda name: folder / f"{name}.jpg")
    masks = source / "masks"
    mask_of = functools.partial(foregrounds.find, masks, masks_file)
    photos = [dataclasses.replace(photo, mask=mask_of(photo.id)) for photo in photos]
    used = [labels_file] + ([masks_file] if masks_file and not masks.is_dir() else [])
    labels = tuple(f.name if f.parent == built.LABELS else str(f) for f in used)
    return PhotoList(SCHEMA, photos, labels=labels, masks=masks)


def to_photos(
    schema: Schema, labels_file: pathlib.Path, rows: list[Row], column: str, path_of: Callable
) -> list[ListedPhoto]:
    """Photos of the rows of a labels file, with what is wrong with a row as its photo's fault.

    Args:
      schema: of the labels.
      labels_file: that the rows are from.
      rows: have a split and the schema's columns.
      column: of the photo's name.
      path_of: the photo's file, of its name.
    """
    photos = []
    for row in rows:
        name, split, fault = row[column], row["split"], None
        where = f"{labels_file} row {row.number} ({name})"
        try:
            check_known("split", split, SPLITS)
            label = schema.encode(row)
        except UserError as error:
            split, label, fault = SPLITS[0], [], str(error)
        photos.append(ListedPhoto(name, split, where, File(path_of(name)), label, fault=fault))
    return photos
