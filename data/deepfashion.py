"""`deepfashion`: DeepFashion's Category and Attribute Prediction benchmark (Liu et al., CVPR 2016).

Images in Img/img/ or img/. Two annotation sets, as published:

fine: Anno_fine/list_attr_cloth.txt, the count, a line of column names, then 26 values with the
  number of their group; and for each of train, val and test NAME.txt (paths), NAME_attr.txt
  (26 numbers, one-hot in each group) and NAME_bbox.txt (x1 y1 x2 y2), a line a photo.
coarse: Anno_coarse/ (or Anno/) list_attr_cloth.txt (1,000 names, which may have spaces, with the
  number of their type), list_attr_img.txt (a path and 1,000 numbers, 1, -1 or 0), list_bbox.txt, and
  Eval/list_eval_partition.txt; each begins with its count and a line of column names.
  deepfashion_coarse.csv says which of the 1,000 make exclusive attributes.

The garment's category is left out: another category is another garment, not an edit.
"""

import dataclasses
import pathlib

from absl import flags
import numpy as np

from amgan_jax.datasets.dataset import Dataset
from amgan_jax.datasets.groups import Groups
from amgan_jax.datasets.photo_list import File, ListedPhoto, PhotoList, one_hot_label, read_counted, read_lines
from amgan_jax.errors import UserError
from amgan_jax.schema import Schema

_TABLE = pathlib.Path(__file__).parent / "deepfashion_coarse.csv"
_SPLITS = {"train": "train", "val": "validation", "test": "test"}  # their names, and ours
_FINE_GROUPS = ("texture", "sleeve_length", "dress_length", "neckline", "fabric", "fit")  # of types 1 to 6
ANNOTATIONS = ("fine", "coarse")


def read(source: pathlib.Path, annotation: str | None) -> PhotoList:
    """Reads an annotation set; None: fine where it is there, else coarse.

    Raises:
      UserError: the set is not there, or a file of it is missing, cut off or in another format.
    """
    folders = {"fine": source / "Anno_fine", "coarse": source / "Anno_coarse"}
    if not folders["coarse"].is_dir():
        folders["coarse"] = source / "Anno"
    found = [name for name in ANNOTATIONS if folders[name].is_dir()]
    if annotation is None and not found:
        raise UserError(f"{source} has neither Anno_fine/ nor Anno_coarse/")
    chosen = annotation or found[0]
    if chosen not in found:
        raise UserError(f"{source} has no annotation set {chosen}: it has {', '.join(found) or 'none'}")
    images = source / "Img" if (source / "Img").is_dir() else source
    if chosen == "fine":
        photos = _read_fine(folders[chosen], images)
    else:
        photos = _read_coarse(folders[chosen], images, source / "Eval" / "list_eval_partition.txt")
    return dataclasses.replace(photos, variant={"annotation": chosen})


def _read_fine(folder, images):
    path = folder / "list_attr_cloth.txt"
    values = {}
    for number, line in read_counted(path):
        name, _, group = line.rpartition(" ")
        if not group.isdigit() or not 1 <= int(group) <= len(_FINE_GROUPS):
            raise UserError(f"{path} row {number}: {line!r}, where a value and its group, 1 to 6, should be")
        values.setdefault(_FINE_GROUPS[int(group) - 1], []).append(name.strip())
    schema = Schema.from_values(values)
    photos = [photo for name in _SPLITS for photo in _fine_split(folder, images, schema, name)]
    return PhotoList(schema, photos)


def _fine_split(folder, images, schema, name):
    """Photos of one of their splits."""
    paths, attributes, boxes = (
        (file, read_lines(file)) for file in (folder / f"{name}{part}.txt" for part in ("", "_attr", "_bbox"))
    )
    for file, lines in (attributes, boxes):
        if len(lines) != len(paths[1]):
            raise UserError(f"{file} has {len(lines)} rows, {paths[0]} has {len(paths[1])}: is one cut off?")
    for number, (path, bits, box) in enumerate(zip(paths[1], attributes[1], boxes[1], strict=True), start=1):
        where = f"{paths[0]} row {number} ({path})"
        fault = None
        try:
            label = _one_hot(bits, schema, f"{attributes[0].name} row {number}")
            box = _box(box.split(), f"{boxes[0].name} row {number}")
        except UserError as error:
            label, box, fault = [], None, str(error)
        path = path.strip()
        yield ListedPhoto(path, _SPLITS[name], where, File(images / path), label, box, fault)


def _one_hot(bits, schema, where):
    try:
        return one_hot_label(bits, schema.value_counts)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def _read_coarse(folder, images, partition):
    names = []
    path = folder / "list_attr_cloth.txt"
    for number, line in read_counted(path):
        name, _, group = line.rpartition(" ")
        if not group.isdigit():
            raise UserError(f"{path} row {number}: {line!r}, where a name and its type should be")
        names.append(name.strip())
    groups = Groups(_TABLE, names, path)
    boxes = {words[0]: words[1:] for words in _words(folder / "list_bbox.txt")}
    split_of = {words[0]: words[-1] for words in _words(partition)}
    photos, path = [], folder / "list_attr_img.txt"
    for number, line in read_counted(path):
        name, _, numbers = line.partition(" ")
        fault = None
        try:
            label = groups.label(_present(numbers, len(names)))
            box = _box(boxes.get(name, []), f"list_bbox.txt, {name}")
            if split_of.get(name) not in _SPLITS:
                raise UserError("list_eval_partition.txt does not put it into train, val or test")
        except UserError as error:
            label, box, fault = [], None, str(error)
        split = _SPLITS.get(split_of.get(name), "train")
        photos.append(ListedPhoto(name, split, f"{path} row {number} ({name})", File(images / name), label, box, fault))
    return PhotoList(groups.schema, photos)


def _words(path):
    return (line.split() for _, line in read_counted(path))


def _present(numbers, count):
    try:
        values = np.array(numbers.split(), np.int8)
    except (ValueError, OverflowError):
        values = np.zeros(0, np.int8)
    if len(values) != count or not np.isin(values, (-1, 0, 1)).all():
        raise UserError(f"{len(values)} numbers, where {count} should be that are 1, 0 or -1")
    return values == 1


def _box(words, where):
    if len(words) != 4 or not all(word.lstrip("-").isdigit() for word in words):
        raise UserError(f"{where}: a box is four whole numbers, x1 y1 x2 y2")
    return tuple(int(word) for word in words)


def _define_flags():
    flags.DEFINE_enum(
        "annotation",
        None,
        ANNOTATIONS,
        "Of deepfashion: which annotation set. Default: fine where it is there.",
    )


DATASET = Dataset(
    "DeepFashion's Category and Attribute Prediction benchmark (Liu et al., CVPR 2016).",
    read,
    marks=("Anno_fine", "Anno_coarse", "Anno/list_attr_cloth.txt"),
    flags=("annotation",),
    define_flags=_define_flags,
)
