"""`celeb_a`: the aligned faces of CelebA (Liu et al., ICCV 2015), from its raw files.

img_align_celeba/<number>.jpg (or img_align_celeba/img_align_celeba/, as some archives have
it), list_attr_celeba.txt: the count, 40 names, then a file name and 40 numbers, 1 or -1;
and list_eval_partition.txt: a file name and 0, 1 or 2. They may be in Img/, Anno/ and Eval/.
Or the same as CSV files with a first row of names, as on Kaggle.
celeb_a.csv groups the names.
"""

import pathlib

from amgan_jax.datasets.dataset import Dataset
from amgan_jax.datasets.groups import Groups
from amgan_jax.datasets.photo_list import (
    SPLITS,
    File,
    ListedPhoto,
    PhotoList,
    read_columns,
    read_counted,
    read_lines,
    read_table,
)
from amgan_jax.errors import UserError

_IMAGES = "img_align_celeba"
_TABLE = pathlib.Path(__file__).parent / "celeb_a.csv"


def read(source: pathlib.Path) -> PhotoList:
    """Reads the two lists.

    Raises:
      UserError: a list is missing, cut off, or in another format (names the row).
    """
    path = _find(source, "Anno", "list_attr_celeba")
    names, rows = _read_csv(path) if path.suffix == ".csv" else (read_columns(path), _words(read_counted(path)))
    groups = Groups(_TABLE, names, path)
    splits = _find(source, "Eval", "list_eval_partition")
    split_of = _splits(splits)
    folder = next((p for p in (source / "Img" / _IMAGES, source / _IMAGES) if p.exists()), source / _IMAGES)
    if (folder / _IMAGES).is_dir():
        folder = folder / _IMAGES
    photos = []
    for number, (name, *numbers) in rows:
        where = f"{path} row {number} ({name})"
        fault, label = None, []
        if len(numbers) != len(names) or not set(numbers) <= {"1", "-1"}:
            fault = f"{len(numbers)} numbers, where {len(names)} should be that are 1 or -1"
        elif name not in split_of:
            fault = f"{splits.name} does not name it"
        else:
            label = groups.label([n == "1" for n in numbers])
        photos.append(ListedPhoto(name, split_of.get(name, SPLITS[0]), where, File(folder / name), label, fault=fault))
    return PhotoList(groups.schema, photos)


def _find(source, folder, name):
    """Where a list is: archives are unpacked with their folders or without, as text or as CSV."""
    paths = [where / f"{name}{suffix}" for where in (source / folder, source) for suffix in (".txt", ".csv")]
    return next((path for path in paths if path.exists()), source / f"{name}.txt")


def _words(numbered):
    return ((number, line.split()) for number, line in numbered)


def _read_csv(path):
    """Names of the columns but the first, and (number, cells) of each row."""
    columns, rows = read_table(path, ("image_id",))
    return columns[1:], ((row.number, [(row[name] or "").strip() for name in columns]) for row in rows)


def _splits(path):
    numbered = _read_csv(path)[1] if path.suffix == ".csv" else _words(enumerate(read_lines(path), start=1))
    split_of = {}
    for number, words in numbered:
        if len(words) != 2 or words[1] not in ("0", "1", "2"):
            raise UserError(f"{path} row {number}: {' '.join(words)!r}, where a file name and 0, 1 or 2 should be")
        split_of[words[0]] = SPLITS[int(words[1])]
    return split_of


DATASET = Dataset(
    "CelebA, aligned (Liu et al., ICCV 2015).",
    read,
    marks=("list_attr_celeba.txt", "Anno/list_attr_celeba.txt", "list_attr_celeba.csv"),
)
