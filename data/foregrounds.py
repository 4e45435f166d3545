"""Where the garment is: masks of photos, as pictures beside them or packed into a file of this folder."""

import dataclasses
import functools
import io
import os
import pathlib

import numpy as np
from PIL import Image, UnidentifiedImageError

from amgan_jax.datasets.photo_list import File, encode_png
from amgan_jax.editing import photos
from amgan_jax.errors import UserError

NEARLY_EMPTY = 0.05  # share of a photo: of a smaller garment, what made the mask has seen nothing
_TOLERANCE = 0.03  # by which a mask's aspect ratio may differ from its photo's, for rounding


@dataclasses.dataclass(frozen=True)
class Packed:
    """Reads a mask out of a file that `pack` has written, for `ListedPhoto.mask`."""

    path: pathlib.Path
    name: str

    def __call__(self) -> bytes:
        return encode_png(_unpack(self.path)[self.name])


def find(folder: pathlib.Path, packed: pathlib.Path | None, name: str) -> File | Packed | None:
    """What reads the mask of the photo of a name, for `ListedPhoto.mask`.

    Args:
      folder: of masks `<name>.png`; where it is, nothing else counts.
      packed: a file that `pack` has written, where there is one.
      name: of the photo, without its suffix; a path within the dataset's folder: of others, there is none.

    Returns:
      None where it has no mask.
    """
    if folder.is_dir():
        path, outside = folder / f"{name}.png", os.path.isabs(name) or os.path.normpath(name).startswith("..")
        return File(path) if path.is_file() and not outside else None
    return Packed(packed, name) if packed is not None and name in _unpack(packed) else None


def prepare(
    content: bytes, whole_size: tuple[int, int], box: tuple[int, int, int, int] | None, size: tuple[int, int]
) -> bytes:
    """A mask as it is to be stored: a grey PNG, white where the garment is; empty where it is nearly empty: unknown.

    Args:
      content: an encoded picture: how opaque it is where any of it is transparent, else how white it is.
      whole_size: (width, height) of the upright photo, whose shape it should have.
      box: the part of that which is kept; None for all.
      size: (width, height) of the stored photo.

    Raises:
      UserError: it is no picture, or of another shape than the photo.
    """
    mask = _decode(content)
    aspects = [width / height for width, height in (mask.size, whole_size)]
    if abs(aspects[0] / aspects[1] - 1.0) > _TOLERANCE:
        (w, h), (width, height) = mask.size, whole_size
        raise UserError(f"the mask has {w} x {h} pixels, another shape than the photo, which has {width} x {height}")
    left, top, right, bottom = box or (0, 0, *whole_size)
    x, y = mask.width / whole_size[0], mask.height / whole_size[1]
    part = (left * x, top * y, min(right * x, mask.width), min(bottom * y, mask.height))
    mask = mask.resize(size, Image.Resampling.BILINEAR, box=part)
    covered = np.asarray(mask)
    return b"" if np.mean(covered > 127) < NEARLY_EMPTY else encode_png(covered)


def _decode(content):
    """A mask as a grey picture, upright."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            picture = photos.upright(image)
    except UnidentifiedImageError as error:
        raise UserError("the mask is not an image") from error
    except Exception as error:  # decoders of damaged files raise whatever they raise
        raise UserError(f"the mask cannot be decoded: {error}") from error
    if picture.alpha is not None and picture.alpha.min() < 255:
        return Image.fromarray(picture.alpha)
    return Image.fromarray(picture.pixels).convert("L")


def pack(masks: dict[str, np.ndarray], path: pathlib.Path) -> None:
    """Writes masks bool [h, w], of 255 pixels a side at most, by name into one small file."""
    np.savez_compressed(
        path,
        name=np.array(list(masks)),
        size=np.array([mask.shape for mask in masks.values()], np.uint8),
        bits=np.concatenate([np.packbits(mask) for mask in masks.values()]),
    )


@functools.cache  # half a megabyte
def _unpack(path):
    """Masks uint8 [h, w], 0 or 255, by name."""
    with np.load(path) as file:
        names, sizes, bits = (file[name] for name in ("name", "size", "bits"))
    masks, start = {}, 0
    for name, (height, width) in zip(names.tolist(), sizes.astype(int).tolist(), strict=True):
        end = start + -(-height * width // 8)
        masks[name] = 255 * np.unpackbits(bits[start:end], count=height * width).reshape(height, width)
        start = end
    return masks
