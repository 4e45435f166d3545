"""`fashion_products` and `clothing_attributes`: a folder of photos and a labels file."""

import collections
import csv
import io
import pathlib

from PIL import Image, ImageOps
import tqdm

from amgan_jax.attributes import Schema
from amgan_jax.errors import UserError
from labelled_images import Example, LabelledImages

# Both labels files use these values.
SCHEMA = Schema.from_json((pathlib.Path(__file__).parent / "photo_schema.json").read_text())
_SPLITS = ("train", "validation", "test")
_ORIENTATION = 0x0112  # the EXIF tag
_LARGEST_SIDE = 512  # pixels; larger photos are made smaller: no network here sees more


class _LabelledPhotos(LabelledImages):
    """Photos of a list of examples that were read and checked before."""

    def __init__(self, *, splits: dict[str, list[Example]], **kwargs):
        self.schema = SCHEMA
        self._splits = splits
        super().__init__(**kwargs)

    def examples(self, split):
        yield from self._splits[split]


class FashionProducts(_LabelledPhotos):
    """Catalogue photos of the public Fashion Product Images set (P. Aggarwal), labelled for this project."""


class ClothingAttributes(_LabelledPhotos):
    """Photos taken at home of the public clothing dataset (A. Grigorev), CC0, labelled for this project."""


def read_photos(source: pathlib.Path, labels_file: pathlib.Path) -> dict[str, list[Example]]:
    """Reads and checks all photos that a labels file names.

    Args:
      source: has `images/<image_id>.jpg`.
      labels_file: a CSV with the columns image_id, split and one for each attribute.

    Returns:
      The examples of each split.

    Raises:
      UserError: a missing column, an unknown value or split, a missing or broken photo; names the row.
    """
    folder = source / "images"
    if not folder.is_dir():
        raise UserError(f"{source} has no folder images/ of <image_id>.jpg files: is --source right?")
    splits = collections.defaultdict(list)
    rows = _read_rows(labels_file)
    seen = set()
    for number, row in enumerate(tqdm.tqdm(rows, desc="photos", unit="photo"), start=2):
        where = f"{labels_file} row {number} ({row['image_id']})"
        if row["image_id"] in seen:
            raise UserError(f"{where}: the photo stands in an earlier row too")
        seen.add(row["image_id"])
        if row["split"] not in _SPLITS:
            raise UserError(f"{where}: unknown split {row['split']!r}: {', '.join(_SPLITS)}")
        try:
            label = SCHEMA.encode(row)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
        image = _read_image(folder / f"{row['image_id']}.jpg", where)
        splits[row["split"]].append(Example(row["image_id"], image, label))
    for split in _SPLITS:
        if not splits[split]:
            raise UserError(f"{labels_file} has no row of split {split}")
    return splits


def _read_rows(labels_file):
    try:
        with labels_file.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            missing = [c for c in ("image_id", "split", *SCHEMA.names) if c not in columns]
            if missing:
                raise UserError(f"{labels_file} row 1: column {missing[0]!r} is missing: {', '.join(columns)}")
            return list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read {labels_file} as a UTF-8 CSV file: {error}") from error


def _read_image(path, where):
    """Encoded photo, made smaller where it is large."""
    if not path.is_file():
        raise UserError(f"{where}: photo {path} is missing")
    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            upright = image.getexif().get(_ORIENTATION, 1) == 1
            if upright and image.format == "JPEG" and image.mode == "RGB" and max(image.size) <= _LARGEST_SIDE:
                return content
            image = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{where}: photo {path} cannot be decoded: {error}") from error
    image.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "jpeg", quality=95)
    return buffer.getvalue()
