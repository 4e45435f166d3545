"""`celeb_a`: the aligned faces of CelebA (Liu et al., ICCV 2015), from its raw files.

img_align_celeba/<number>.jpg (or img_align_celeba/img_align_celeba/, as some archives have
it), list_attr_celeba.txt: the count, 40 names, then a file name and 40 numbers, 1 or -1;
and list_eval_partition.txt: a file name and 0, 1 or 2. They may be in Img/, Anno/ and Eval/.
celeb_a.csv groups the names.
"""

import pathlib

from amgan_jax.errors import UserError
from groups import Groups
from photo_list import SPLITS, Photo, PhotoList, read_columns, read_counted, read_lines, reader

_TABLE = pathlib.Path(__file__).parent / "celeb_a.csv"


def read(source: pathlib.Path) -> PhotoList:
    """Reads the two lists.

    Raises:
      UserError: a list is missing, cut off, or in another format (names the row).
    """
    path = _find(source, "Anno", "list_attr_celeba.txt")
    names = read_columns(path)
    groups = Groups(_TABLE, names, path)
    split_of = _splits(_find(source, "Eval", "list_eval_partition.txt"))
    folder = _find(source, "Img", "img_align_celeba")
    if (folder / "img_align_celeba").is_dir():
        folder = folder / "img_align_celeba"
    photos = []
    for number, line in read_counted(path):
        name, *numbers = line.split()
        where = f"{path} row {number} ({name})"
        fault, label = None, []
        if len(numbers) != len(names) or not set(numbers) <= {"1", "-1"}:
            fault = f"{len(numbers)} numbers, where {len(names)} should be that are 1 or -1"
        elif name not in split_of:
            fault = "list_eval_partition.txt does not name it"
        else:
            label = groups.label([n == "1" for n in numbers])
        photos.append(Photo(name, split_of.get(name, SPLITS[0]), where, reader(folder / name), label, fault=fault))
    return PhotoList(groups.schema, photos)


def _find(source, folder, name):
    """Where a file is: archives are unpacked with their folders or without."""
    return next((path for path in (source / folder / name, source / name) if path.exists()), source / name)


def _splits(path):
    split_of = {}
    for number, line in enumerate(read_lines(path), start=1):
        words = line.split()
        if len(words) != 2 or words[1] not in ("0", "1", "2"):
            raise UserError(f"{path} row {number}: {line!r}, where a file name and 0, 1 or 2 should be")
        split_of[words[0]] = SPLITS[int(words[1])]
    return split_of
