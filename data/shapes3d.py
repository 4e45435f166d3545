"""`shapes3d`: 3D shapes in a room (Burgess and Kim, 2018), from 3dshapes.h5 as published.

images uint8 [480000, 64, 64, 3] and labels float64 [480000, 6]: hue of floor, wall and object in [0, 1),
scale in [0.75, 1.25], shape 0 to 3, orientation in degrees from -30 to 30. It has no splits: a hash makes them.
"""

import functools
import pathlib
import threading

import numpy as np

from amgan_jax.datasets.dataset import Dataset
from amgan_jax.datasets.photo_list import ListedPhoto, PhotoList, encode_png, split_by_hash
from amgan_jax.errors import UserError
from amgan_jax.schema import Schema

_HUES = ("red", "orange", "lime", "green", "mint", "cyan", "azure", "indigo", "purple", "pink")
_SHAPES = ("cube", "cylinder", "sphere", "capsule")
_SCALES = np.linspace(0.75, 1.25, 8)
_ORIENTATIONS = np.linspace(-30.0, 30.0, 15)
# Of each column of the labels, the published values in the schema's order.
_FACTORS = (np.arange(10) / 10, np.arange(10) / 10, np.arange(10) / 10, _SCALES, np.arange(4), _ORIENTATIONS)
SCHEMA = Schema.from_values(
    {
        "floor": _HUES,
        "wall": _HUES,
        "object": _HUES,
        "scale": [f"{s:.2f}" for s in _SCALES],
        "shape": _SHAPES,
        "orientation": [f"{o:.1f}" for o in _ORIENTATIONS],
    }
)
_lock = threading.Lock()  # the first thread reads the file, the others wait


def read(source: pathlib.Path) -> PhotoList:
    """Reads the labels of 3dshapes.h5; images are read when they are wanted.

    Raises:
      UserError: the file is missing, damaged, or not of this format.
    """
    import h5py

    path = source / "3dshapes.h5"
    try:
        with h5py.File(path, "r") as file:
            shape, labels = file["images"].shape, file["labels"][:]
    except (OSError, KeyError) as error:
        raise UserError(f"cannot read images and labels of {path}: {error}") from error
    if shape[1:] != (64, 64, 3) or labels.shape != (shape[0], len(_FACTORS)):
        raise UserError(f"{path}: images {shape} and labels {labels.shape}, not [N, 64, 64, 3] and [N, 6]")
    columns = [np.abs(labels[:, i, None] - factor).argmin(1) for i, factor in enumerate(_FACTORS)]
    off = [
        ~(np.abs(labels[:, i] - factor[column]) <= 1e-3)
        for i, (factor, column) in enumerate(zip(_FACTORS, columns, strict=True))
    ]
    photos = []
    for i, label in enumerate(np.stack(columns, axis=1).tolist()):
        wrong = [name for name, bad in zip(SCHEMA.names, off, strict=True) if bad[i]]
        fault = f"labels {labels[i].tolist()}: the {wrong[0]} is none that there should be" if wrong else None
        photos.append(
            ListedPhoto(
                str(i),
                split_by_hash(str(i)),
                f"{path} row {i}",
                functools.partial(_png, path, i),
                [] if fault else label,
                fault=fault,
            )
        )
    return PhotoList(SCHEMA, photos)


def _png(path, i):
    with _lock:
        images = _images(path)
    return encode_png(images[i])


@functools.cache
def _images(path):
    """All images, 6 GB: the file is compressed in blocks of many, of which each image would need hundreds."""
    import h5py

    with h5py.File(path, "r") as file:
        return file["images"][:]


DATASET = Dataset(
    "3D Shapes (Burgess and Kim, 2018).",
    read,
    marks=("3dshapes.h5",),
)
