"""Photos in: each read, checked, cropped and made smaller where it is large, on all cores."""

from collections.abc import Collection, Iterator
import concurrent.futures
import csv
import dataclasses
import hashlib
import io
import os
import pathlib
import tempfile
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError
import tensorflow as tf
import tqdm

from amgan_jax.datasets import foregrounds, near_copies
from amgan_jax.datasets.photo_list import NAMED, SPLITS, ListedPhoto, has_file, read_table
from amgan_jax.editing import photos
from amgan_jax.errors import UserError
from amgan_jax.files import write_atomically

_LARGEST_SIDE = 512  # pixels; larger photos are made smaller: no network here sees more
_LARGEST_AREA = 100_000_000  # pixels; larger ones are absurd
_MARGIN = 0.1  # of a box's longer side, kept around it
_SKIPPED = "skipped.csv"
_CHUNK = 512  # photos at work at once
ORDER = ("test", "validation", "train")  # of two equal photos in two splits, the one in training is bad


@dataclasses.dataclass(frozen=True)
class Bad:
    """A photo that cannot be used, and why."""

    where: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Ingested:
    """Photos that can be used, with their content in a file, and those that cannot.

    hashes: `near_copies.perceptual_hash` of each photo that can be used.
    spool: an open temporary file, which goes when the process does, even if it is killed.
    place: (offset, length, length of the foreground behind it) in it by photo id.
    """

    photos: list[ListedPhoto]
    bad: list[Bad]
    hashes: list[np.ndarray | None]
    spool: BinaryIO
    place: dict[str, tuple[int, int, int]]

    def content(self, photo: ListedPhoto) -> tuple[bytes, bytes]:
        """The encoded photo and its foreground as they are to be stored, see `prepare`."""
        offset, length, more = self.place[photo.id]
        both = os.pread(self.spool.fileno(), length + more, offset)
        return both[:length], both[length:]

    def nearly_empty_masks(self) -> tuple[int, int]:
        """How many masks are nearly empty and so count as none, of how many."""
        lengths = [self.place[photo.id][2] for photo in self.photos if photo.mask is not None]
        return lengths.count(0), len(lengths)


def ingest(listed: list[ListedPhoto], folder: pathlib.Path) -> Ingested:
    """Reads and checks photos.

    Args:
      listed: photos of all splits.
      folder: where the temporary file goes; about as large as the dataset.
    """
    spool = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
    row_of = {photo.id: row for row, photo in enumerate(listed)}
    place, good, bad, hashes = {}, {}, {}, {}
    first_of_digest: dict[bytes, ListedPhoto] = {}
    for photo, prepared in _prepare_all(sorted(listed, key=lambda p: ORDER.index(p.split))):
        row = row_of[photo.id]
        if isinstance(prepared, str):
            bad[row] = Bad(photo.where, prepared)
            continue
        digest, content, foreground, hashes[row] = prepared
        first = first_of_digest.setdefault(digest, photo)
        fault = copy_fault(photo, first)
        if fault and not photo.movable:
            bad[row] = Bad(photo.where, fault)
            continue
        place[photo.id] = (spool.tell(), len(content), len(foreground))
        spool.write(content + foreground)
        good[row] = photo
    spool.flush()
    rows = sorted(good)
    return Ingested(
        [good[row] for row in rows], [bad[row] for row in sorted(bad)], [hashes[row] for row in rows], spool, place
    )


def copy_fault(photo: ListedPhoto, first: ListedPhoto) -> str | None:
    """What is wrong with a photo whose content `first`, the first in `ORDER`, has too: nothing within a split."""
    if photo.split == first.split:
        return None
    return f"the same picture as {first.where}, which is in split {first.split}"


def check(bad: list[Bad], splits: Collection[str], total: int, skip_bad: bool) -> None:
    """Raises UserError for bad photos that are not to be skipped, or a split that is left empty.

    Args:
      bad: in the order of their rows.
      splits: that have photos which can be used.
      total: number of photos, bad ones too.
      skip_bad: whether bad photos are left out.
    """
    if bad and not skip_bad:
        named = "; ".join(f"{b.where}: {b.reason}" for b in bad[:NAMED])
        more = "; ..." if len(bad) > NAMED else ""
        raise UserError(
            f"{len(bad)} of {total} photos are bad: {named}{more} (data/build.py --skip_bad leaves them out)"
        )
    for split in SPLITS:
        if split not in splits:
            raise UserError(f"no photo is left in split {split}: each of {', '.join(SPLITS)} needs some")


def write_skipped(folder: pathlib.Path, bad: list[Bad]) -> None:
    """Lists what was left out, if anything, in a folder's skipped.csv."""
    if bad:
        text = io.StringIO()
        csv.writer(text).writerows([("where", "reason"), *((b.where, b.reason) for b in bad)])
        write_atomically(folder / _SKIPPED, text.getvalue())


def read_skipped(folder: pathlib.Path) -> set[str]:
    """Where the photos stand that a folder's skipped.csv lists; none where there is no such file."""
    path = folder / _SKIPPED
    return {row["where"] for row in read_table(path, ("where",))[1]} if path.exists() else set()


def prepare(photo: ListedPhoto) -> tuple[bytes, bytes, bytes] | str:
    """(digest of the file and its box, content to store, foreground to store) of a photo, or what is wrong with it.

    The foreground is a grey PNG of the stored photo's size, empty where it is unknown.
    """
    if photo.fault:
        return photo.fault
    try:
        content = photo.read()
    except OSError as error:
        return str(error)
    if not content:
        return "the photo is empty (0 bytes)"
    digest = hashlib.sha256(content + repr(photo.box).encode()).digest()
    try:
        stored, whole_size = _normalize(content, photo.box)
    except UserError as error:
        return str(error)
    except UnidentifiedImageError:
        return "the photo is not an image"
    except Exception as error:  # decoders of damaged files raise whatever they raise
        return f"the photo cannot be decoded: {error}"
    try:
        return digest, stored, _foreground(photo, stored, whole_size)
    except (OSError, UserError) as error:
        return str(error)


def _foreground(photo, stored, whole_size):
    if photo.mask is None:
        return b""
    with Image.open(io.BytesIO(stored)) as image:
        size = image.size
    box = photo.box and _with_margin(photo.box, whole_size)
    return foregrounds.prepare(photo.mask(), whole_size, box, size)


def _prepare_all(listed) -> Iterator:
    """Photos and what `_prepare_and_hash` gives for each, in order."""
    bar = tqdm.tqdm(desc="photos", total=len(listed), unit="photo")
    with bar, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(listed), _CHUNK):
            chunk = listed[start : start + _CHUNK]
            for photo, prepared in zip(chunk, pool.map(_prepare_and_hash, chunk), strict=True):
                bar.update()
                yield photo, prepared


def _prepare_and_hash(photo):
    """What `prepare` gives and, where that is content, its hash if it is a file's."""
    prepared = prepare(photo)
    if isinstance(prepared, str):
        return prepared
    digest, content, foreground = prepared
    return digest, content, foreground, near_copies.perceptual_hash(content) if has_file(photo) else None


def _normalize(content, box):
    """(content as it is where that will do, else upright, cropped and smaller, as JPEG, size of the upright photo)."""
    with Image.open(io.BytesIO(content)) as image:
        if image.width * image.height > _LARGEST_AREA:
            raise UserError(f"the photo is absurdly large: {image.width} x {image.height} pixels")
        image.load()
        plain = image.mode == "RGB" and not image.has_transparency_data and photos.is_upright(image)
        if plain and image.format in ("JPEG", "PNG") and max(image.size) <= _LARGEST_SIDE and box is None:
            _check_decodes(content)
            return content, image.size
        image = Image.fromarray(photos.upright(image).pixels)
    size = image.size
    if box is not None:
        image = image.crop(_with_margin(box, image.size))
    image.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "jpeg", quality=95)
    return buffer.getvalue(), size


def _check_decodes(content):
    """Raises UserError for what Pillow forgives and TensorFlow, which reads it in training, does not."""
    try:
        tf.io.decode_image(content, channels=3, expand_animations=False)
    except tf.errors.InvalidArgumentError as error:
        raise UserError("the photo is damaged or cut off") from error


def _with_margin(box, size):
    """The box and a margin, as far as the picture goes."""
    left, top, right, bottom = box
    if not (left < right and top < bottom and left < size[0] and top < size[1] and right > 0 and bottom > 0):
        raise UserError(f"the box {box} is not within the {size[0]} x {size[1]} pixels of the photo")
    margin = round(_MARGIN * max(right - left, bottom - top))
    return (
        max(0, left - margin),
        max(0, top - margin),
        min(size[0], right + margin),
        min(size[1], bottom + margin),
    )
