"""What every reader of a dataset's published files gives: a schema, and photos with labels."""

from collections.abc import Callable, Iterable, Iterator, Sequence
import csv
import dataclasses
import hashlib
import io
import pathlib

import numpy as np
from PIL import Image

from amgan_jax.errors import UserError
from amgan_jax.schema import UNKNOWN, Schema

SPLITS = ("train", "validation", "test")
NAMED = 5  # faults that a message names


@dataclasses.dataclass(frozen=True)
class ListedPhoto:
    """A photo that is not read yet.

    id: unique within the dataset.
    where: the file and row that name it, for messages.
    read: gives the content of an encoded file; OSError where it cannot.
    label: a value index for each attribute of the schema; empty where there is a fault.
    box: the part of it to keep, (left, top, right, bottom) in pixels; None for all.
    fault: what is wrong with its row; None where nothing is.
    movable: whether its split was chosen here, and is none that its publisher has given.
    mask: gives the content of an encoded picture, white where the garment is, see `foregrounds`; OSError where it
      cannot; None where that is unknown.
    """

    id: str
    split: str
    where: str
    read: Callable[[], bytes]
    label: list[int]
    box: tuple[int, int, int, int] | None = None
    fault: str | None = None
    movable: bool = False
    mask: Callable[[], bytes] | None = None


@dataclasses.dataclass(frozen=True)
class PhotoList:
    """The photos of a dataset; UserError where two have the same id.

    queries: published manipulation queries: (id of a test photo, target label), see `retrieval`.
    notes: what was done with the files that their owner may not expect, a line each.
    labels: files that are not in the source, from the folder of the datasets: of labels, of masks.
    masks: the folder that masks are read from, where any are put into it.
    variant: what names these photos among others of the dataset, as `config.data.builder` has it.
    """

    schema: Schema
    photos: list[ListedPhoto]
    queries: list[tuple[str, list[int]]] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    labels: tuple[str, ...] = ()
    masks: pathlib.Path | None = None
    variant: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        first_of: dict[str, ListedPhoto] = {}
        twice = [photo for photo in self.photos if first_of.setdefault(photo.id, photo) is not photo]
        if twice:
            named = "; ".join(f"{p.where}: the photo stands in {first_of[p.id].where} too" for p in twice[:NAMED])
            raise UserError(f"{named}; {len(twice)} such rows in all: remove them")


@dataclasses.dataclass(frozen=True)
class File:
    """Reads a photo's file, for `ListedPhoto.read`."""

    path: pathlib.Path

    def __call__(self) -> bytes:
        if not self.path.is_file():
            raise OSError(f"{self.path} is missing")
        return self.path.read_bytes()


def has_file(photo: ListedPhoto) -> bool:
    """Whether a photo is a file of its own, and no part of another."""
    return isinstance(photo.read, File)


def files_of(photos: Iterable[ListedPhoto]) -> list[pathlib.Path]:
    """The files of photos and of their masks, where they are files of their own."""
    return [read.path for photo in photos for read in (photo.read, photo.mask) if isinstance(read, File)]


def encode_png(pixels: np.ndarray) -> bytes:
    """Pixels uint8 [h, w] or [h, w, 3] as a PNG: lossless, so that a true edit is true to the last bit."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def any_mask(photos: Iterable[ListedPhoto]) -> bool:
    """Whether it is known of any photo where the garment is."""
    return any(photo.mask is not None for photo in photos)


def read_lines(path: pathlib.Path) -> list[str]:
    """Lines of a text file without line ends, and without empty lines at its end.

    Raises:
      UserError: it is missing, empty, or not UTF-8 (names the line).
    """
    lines = [line.rstrip("\r\n") for _, line in _numbered(path)]
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise UserError(f"{path} is empty")
    return lines


def read_counted(path: pathlib.Path) -> Iterator[tuple[int, str]]:
    """Numbers and texts of the rows of a file whose first line counts them and whose second names the columns.

    Reads a row at a time: some such files are as large as the memory.

    Raises:
      UserError: it cannot be read, or the count is not that of the rows.
    """
    lines = _numbered(path)
    count = next(lines, (1, ""))[1].strip()
    if not count.isdigit():
        raise UserError(f"{path} row 1: {count!r}, where the number of rows should be")
    next(lines, None)
    rows = 0
    for number, line in lines:
        if line.strip():
            rows += 1
            yield number, line.rstrip()
    if int(count) != rows:
        raise UserError(f"{path} row 1 says {int(count)} rows, the file has {rows}: is it cut off?")


def read_columns(path: pathlib.Path) -> list[str]:
    """The names in the second line of such a file; UserError where it cannot be read."""
    return next((line.split() for number, line in _numbered(path) if number == 2), [])


class Row(dict):
    """The cells of a row, by column; `number` is that of the line where it ends."""

    number: int


def read_table(path: pathlib.Path, columns: Iterable[str]) -> tuple[list[str], list[Row]]:
    """Column names and rows of a CSV file, but for rows without any content.

    Raises:
      UserError: it cannot be read, a column is missing or stands twice, or a row has more cells than columns.
    """
    reader_ = csv.DictReader((line for _, line in _numbered(path)), strict=True)
    rows = []
    try:
        found = [" ".join(name.split()) for name in reader_.fieldnames or ()]
        reader_.fieldnames = found
        for cells in reader_:
            # A line break in a cell is a space: no value is of two lines.
            row = Row({n: " ".join(c.splitlines()) if isinstance(c, str) else c for n, c in cells.items()})
            row.number = reader_.line_num
            if any(row.values()):
                rows.append(row)
    except csv.Error as error:
        raise UserError(f"{path} row {reader_.reader.line_num}: {error}") from error
    if not any(found):
        raise UserError(f"{path} is empty")
    missing = [name for name in columns if name not in found]
    if missing:
        separator = next((s for s in ";\t" if s in found[0]), None)
        hint = f": its cells are separated by {separator!r}; save it with commas" if separator else ""
        raise UserError(f"{path} row 1: column {missing[0]!r} is missing: {', '.join(found)}{hint}")
    twice = [name for name in found if found.count(name) > 1]
    if twice:
        raise UserError(f"{path} row 1: column {twice[0]!r} stands there twice")
    for row in rows:
        if None in row:
            raise UserError(f"{path} row {row.number} has more cells than row 1: is a text with commas not in quotes?")
    return found, rows


def split_by_hash(name: str) -> str:
    """A split that depends on a name alone: 80% train, 10% validation, 10% test."""
    place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
    return "train" if place < 0.8 else "validation" if place < 0.9 else "test"


def read_schema(path: pathlib.Path) -> Schema:
    """The schema of a schema.json; UserError names the file."""
    try:
        return Schema.from_json(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, UserError) as error:
        raise UserError(f"{path}: {error}") from error


def one_hot_label(line: str, counts: Sequence[int]) -> list[int]:
    """Label of a line of concatenated one-hot groups; a group of zeros is unknown.

    Raises:
      UserError: another number of numbers, one that is neither 0 nor 1, or two ones in a group.
    """
    bits = line.split()
    if len(bits) != sum(counts) or not set(bits) <= {"0", "1"}:
        raise UserError(f"{len(bits)} numbers, where {sum(counts)} should be that are 0 or 1")
    label, start = [], 0
    for group, count in enumerate(counts, start=1):
        ones = [i for i, bit in enumerate(bits[start : start + count]) if bit == "1"]
        if len(ones) > 1:
            raise UserError(f"group {group} has {len(ones)} ones")
        label.append(ones[0] if ones else UNKNOWN)
        start += count
    return label


def _numbered(path):
    """Numbers, from 1, and texts of the lines of a file; UserError where it cannot be read or is not UTF-8."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise UserError(f"{path} row {number} is not UTF-8: save the file as UTF-8") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
