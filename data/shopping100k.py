"""`shopping100k`: Shopping100k (Ak et al., WACV 2018) with the published splits of ADDE-M and FSN.

attr_num.txt: the number of values of each group; imgs_NAME.txt (paths) and labels_NAME.txt
(concatenated one-hot rows, a group of zeros is unknown) for train and test. Where they are,
ref_test.txt and gt_test.txt are manipulation queries: the row of a test photo, counted
from 0, and the label that is wanted; indfull_test.txt has their difference.

The files name neither groups nor values. Groups are named as in shopping100k.csv where their
counts are these; a schema.json beside the files names both. There is no validation split:
a tenth of the training photos, chosen by a hash, are.
"""

import pathlib

from amgan_jax.datasets.dataset import Dataset
from amgan_jax.datasets.photo_list import (
    File,
    ListedPhoto,
    PhotoList,
    one_hot_label,
    read_lines,
    read_schema,
    read_table,
    split_by_hash,
)
from amgan_jax.errors import UserError
from amgan_jax.schema import Schema

_TABLE = pathlib.Path(__file__).parent / "shopping100k.csv"
_IMAGES = ("Images", "images", ".")  # folders that the paths may start from


def read(source: pathlib.Path) -> PhotoList:
    """Reads the files.

    Raises:
      UserError: a file is missing or in another format, or two do not belong together.
    """
    path = source / "attr_num.txt"
    words = [word for line in read_lines(path) for word in line.replace(",", " ").split()]
    if not all(word.isdigit() and int(word) > 1 for word in words):
        raise UserError(f"{path}: {' '.join(words)}, where numbers of values should be, each at least 2")
    schema = _schema(source, [int(word) for word in words])
    train, test = (_photos(source, name, schema) for name in ("train", "test"))
    return PhotoList(schema, train + test, _queries(source, test, schema))


def _schema(source, counts):
    path = source / "schema.json"
    if path.exists():
        schema = read_schema(path)
        if list(schema.value_counts) != counts:
            raise UserError(f"{path} has {list(schema.value_counts)} values, attr_num.txt says {counts}")
        return schema
    known = {row["attribute"]: int(row["values"]) for row in read_table(_TABLE, ("attribute", "values"))[1]}
    names = list(known) if list(known.values()) == counts else [f"attribute_{i}" for i in range(1, len(counts) + 1)]
    return Schema.from_values({n: [f"value_{v}" for v in range(1, c + 1)] for n, c in zip(names, counts, strict=True)})


def _photos(source, name, schema):
    paths = read_lines(source / f"imgs_{name}.txt")
    labels_path = source / f"labels_{name}.txt"
    rows = read_lines(labels_path)
    if len(rows) != len(paths):
        raise UserError(f"{labels_path} has {len(rows)} rows, imgs_{name}.txt has {len(paths)}: is one cut off?")
    folder = _image_folder(source, paths[0].strip())
    photos = []
    for number, (path, row) in enumerate(zip(paths, rows, strict=True), start=1):
        path = path.strip()
        fault = None
        try:
            label = one_hot_label(row, schema.value_counts)
        except UserError as error:
            label, fault = [], str(error)
        held_out = name == "train" and split_by_hash(path) == "validation"
        split = "validation" if held_out else name
        where = f"{labels_path} row {number} ({path})"
        photos.append(
            ListedPhoto(f"{name}/{path}", split, where, File(folder / path), label, fault=fault, movable=held_out)
        )
    return photos


def _image_folder(source, path):
    for folder in _IMAGES:
        if (source / folder / path).is_file():
            return source / folder
    return source / _IMAGES[0]


def _queries(source, test, schema):
    """(id of a test photo, target label) of each published query."""
    paths = [source / name for name in ("ref_test.txt", "indfull_test.txt", "gt_test.txt")]
    if not all(path.exists() for path in paths):
        return []
    references, changes, targets = (read_lines(path) for path in paths)
    if not len(references) == len(changes) == len(targets):
        counts = f"{len(references)}, {len(changes)} and {len(targets)}"
        raise UserError(f"ref_test.txt, indfull_test.txt and gt_test.txt in {source} have {counts} rows")
    queries = []
    for number, (row, target) in enumerate(zip(references, targets, strict=True), start=1):
        if not row.strip().isdigit() or int(row) >= len(test):
            raise UserError(f"{paths[0]} row {number}: {row!r}, where a row of imgs_test.txt, from 0, should be")
        try:
            queries.append((test[int(row)].id, one_hot_label(target, schema.value_counts)))
        except UserError as error:
            raise UserError(f"{paths[2]} row {number}: {error}") from error
    return queries


DATASET = Dataset(
    "Shopping100k (Ak et al., WACV 2018).",
    read,
    marks=("attr_num.txt",),
)
