"""Where an edit may change a photo: a rectangle or a mask picture, at the photo's own size, with soft edges.

The third kind of region, where an attribute is seen, is `editor.Editor.edit`'s.
"""

import pathlib
import re
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

from amgan_jax.editing import photos
from amgan_jax.errors import UserError
from amgan_jax.schema import Schema

_SOFT = 0.02  # width of a region's soft edge, as a share of the photo's shorter side


class Box(NamedTuple):
    """A rectangle in pixels of a photo; right and bottom are the first pixels beyond it."""

    left: int
    top: int
    right: int
    bottom: int


Region = int | Box | np.ndarray  # an attribute's index, a rectangle, or float32 [h, w] in [0, 1]: 1 may change


def parse(text: str, schema: Schema) -> Region:
    """The region that a text stands for: an attribute, x0,y0,x1,y1 or the path of a mask picture.

    Raises:
      UserError: it is none of these, the rectangle is empty, or the mask cannot be read or has no white.
    """
    if text in schema.names:
        return schema.index(text)
    if re.fullmatch(r"[\s\d,.+-]+", text):
        return _parse_box(text)
    path = pathlib.Path(text).expanduser()
    if path.suffix or path.exists():
        return _read_mask(path)
    raise UserError(
        f"unknown attribute {text!r}: {', '.join(schema.names)}; a region may also be x0,y0,x1,y1 or a mask.png"
    )


def _parse_box(text):
    if not re.fullmatch(r"\s*\d+\s*(,\s*\d+\s*){3}", text):
        raise UserError(f"cannot read region {text!r}: x0,y0,x1,y1 are four whole numbers, pixels of the photo")
    box = Box(*map(int, text.split(",")))
    if box.left >= box.right or box.top >= box.bottom:
        raise UserError(f"region {text!r} is empty: x1 should be above x0, and y1 above y0")
    return box


def _read_mask(path):
    photo = photos.read(path)
    mask = np.asarray(Image.fromarray(photo.pixels).convert("L"), np.float32) / 255.0
    if photo.alpha is not None:
        mask = mask * (photo.alpha / np.float32(255.0))
    if not mask.any():
        raise UserError(f"mask {path} is all black: white is where the photo may change")
    return mask


def weight(region: Box | np.ndarray, height: int, width: int) -> np.ndarray:
    """How far each pixel of a photo may go to the edit: float32 [height, width] in [0, 1].

    It is 0 outside of the region, and rises to 1 over a soft edge inside of it. The photo's own border is no edge.

    Raises:
      UserError: the rectangle lies outside of the photo.
    """
    soft = max(1, round(_SOFT * min(height, width))) + 1.0
    if isinstance(region, Box):
        if region.left >= width or region.top >= height:
            raise UserError(f"region {','.join(map(str, region))} lies outside of a photo of {width} x {height} pixels")
        rows, columns = _depth(region.top, region.bottom, height), _depth(region.left, region.right, width)
        return np.clip(np.minimum(rows[:, None], columns) / soft, 0.0, 1.0)
    mask = region
    if mask.shape != (height, width):
        resized = Image.fromarray(mask).resize((width, height), Image.Resampling.BILINEAR)
        mask = np.asarray(resized, np.float32)
    if mask.all():
        return mask
    depth = np.asarray(ndimage.distance_transform_edt(mask > 0.0), np.float32)
    return mask * np.minimum(depth / soft, 1.0)


def attribute_of(region: Region | None) -> int | None:
    """The index of the attribute that a region stands for; None where it stands for none."""
    return region if isinstance(region, int) else None


def composite(
    photo: photos.Photo,
    seen: photos.Letterboxed,
    edited: tuple[np.ndarray, np.ndarray],
    region: Region | None,
    strength: float,
) -> tuple[photos.Photo, float | np.ndarray]:
    """A photo with an edit, as far as region and strength let it.

    Args:
      photo: as it was.
      seen: what the editor was given of it.
      edited: what the editor made of that: an image [H, W, 3] in [-1, 1], which keeps to a region that is an attribute,
        and its mask [H, W, 1] in [0, 1].
      region: where the photo may change; None everywhere.
      strength: how far pixels go from the photo (0) to the edit (1).

    Returns:
      (the photo, how far each pixel went: one number, or float32 [h, w]).

    Raises:
      UserError: the region lies outside of the photo.
    """
    reached = strength
    if region is not None and not isinstance(region, int):
        reached = strength * weight(region, *photo.pixels.shape[:2])
    return photos.blend(photo, photos.apply_change(photo, seen, *edited), reached), reached


def _depth(start, stop, size):
    """How many pixels each of `size` lies inside of [start, stop), from 1; 0 and less is outside."""
    place = np.arange(size, dtype=np.float32)
    from_start = place - start + 1.0 if start > 0 else np.full(size, np.inf, np.float32)
    to_stop = stop - place if stop < size else np.full(size, np.inf, np.float32)
    return np.minimum(from_start, to_stop)
