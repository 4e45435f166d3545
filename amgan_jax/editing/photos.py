"""People's pictures in and out: any size, aspect ratio, orientation tag or colour mode."""

import glob
import io
import itertools
import os
import pathlib
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image
import pillow_heif

from amgan_jax.editing import carry_up
from amgan_jax.errors import UserError
from amgan_jax.files import write_atomically

_WHITE = 1.0
_UPRIGHT = 1  # and what turns a picture of another orientation so
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Photo(NamedTuple):
    """A picture, upright.

    pixels: uint8 [h, w, 3], on white where it is transparent.
    alpha: uint8 [h, w], None where it has none.
    icc_profile: what its colours mean, None where it says nothing.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    icc_profile: bytes | None = None


class Letterboxed(NamedTuple):
    """A photo fitted into images of one size: image float32 [H, W, 3] in [-1, 1]; the photo's part of it is `box`.

    box: (top, left, height, width) in pixels of the image.
    """

    image: np.ndarray
    box: tuple[int, int, int, int]


def find(pattern: str) -> list[pathlib.Path]:
    """Files that a glob matches, sorted, where ~ is the home folder; UserError where it matches none."""
    pattern = os.path.expanduser(pattern)
    if pathlib.Path(pattern).is_file():  # whose name may have brackets
        return [pathlib.Path(pattern)]
    paths = sorted(pathlib.Path(p) for p in glob.glob(pattern, recursive=True) if pathlib.Path(p).is_file())
    if not paths:
        raise UserError(f"--images={pattern} matches no file: give a path or a quoted pattern such as 'photos/*.jpg'")
    return paths


def read(path: pathlib.Path) -> Photo:
    """Reads a picture file.

    Raises:
      UserError: it is empty, truncated, absurdly large, or no picture.
    """
    try:
        if path.stat().st_size == 0:
            raise UserError(f"{path} is empty (0 bytes): give a picture file")
        with _open(path) as image:
            image.load()
            return upright(image)
    except Image.UnidentifiedImageError as error:
        known = "JPEG, PNG, WebP, HEIC, AVIF or the like"
        raise UserError(f"{path} is not a picture that can be read: give a {known}") from error
    except UserError:
        raise
    except Exception as error:  # decoders of damaged files raise whatever they raise
        raise UserError(f"{path} cannot be decoded, it is damaged or too large: {error}") from error


def _open(path):
    """A picture; HEIC, which Pillow does not know, comes turned, and without the tag that says so."""
    try:
        return Image.open(path)
    except Image.UnidentifiedImageError:
        if not pillow_heif.is_supported(path):
            raise
        return pillow_heif.open_heif(path).to_pillow()


def upright(image: Image.Image) -> Photo:
    """A loaded picture of any mode, turned as its orientation tag says."""
    turn = _TURNS.get(_orientation(image))
    image = image if turn is None else image.transpose(turn)
    # The profile of another mode says nothing of the RGB that it is turned into.
    icc_profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA", "P") else None
    if image.mode.startswith("I") or image.mode == "F":  # 16 bits and more a pixel
        values = np.asarray(image, np.float32)
        white = _white_of(image.mode, float(values.max()))
        image = Image.fromarray(np.clip(values / white * 255.0, 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = np.asarray(image)[..., 3].copy()
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Photo(np.asarray(Image.alpha_composite(white, image).convert("RGB")), alpha, icc_profile)
    return Photo(np.asarray(image.convert("RGB")), None, icc_profile)


def is_upright(image: Image.Image) -> bool:
    """Whether a loaded picture is shown as it is stored."""
    return _orientation(image) not in _TURNS


def _orientation(image):
    """The orientation tag; that of an upright picture where there is none that can be read."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation, _UPRIGHT)
    except Exception:  # broken EXIF raises whatever it raises, and the pixels are fine
        return _UPRIGHT


def _white_of(mode, largest):
    """The value of white in a grey picture of more than 8 bits: the least usual one that is not below its largest."""
    usual = {"F": (1.0, 255.0, 65535.0), "I": (255.0, 65535.0)}.get(mode, (65535.0,))
    return next((white for white in usual if largest <= white), largest)


def root_of(pattern: str) -> pathlib.Path:
    """The folder above all files that `find` finds, as far as the pattern names it: photos of photos/**/*.jpg."""
    path = pathlib.Path(os.path.expanduser(pattern))
    if path.is_file():
        return path.parent
    fixed = itertools.takewhile(lambda part: not glob.has_magic(part), path.parts[:-1])
    return pathlib.Path(*fixed)


def letterbox(photo: Photo, height: int, width: int) -> Letterboxed:
    """Fits a photo into height x width pixels on white, as `tfdata.letterbox` does in training."""
    h, w = photo.pixels.shape[:2]
    scale = min(height / h, width / w)
    inner_h, inner_w = max(1, round(h * scale)), max(1, round(w * scale))
    small = Image.fromarray(photo.pixels).resize((inner_w, inner_h), Image.Resampling.BILINEAR)
    top, left = (height - inner_h) // 2, (width - inner_w) // 2
    image = np.full((height, width, 3), _WHITE, np.float32)
    image[top : top + inner_h, left : left + inner_w] = np.asarray(small, np.float32) / 127.5 - 1.0
    return Letterboxed(image, (top, left, inner_h, inner_w))


def apply_change(photo: Photo, seen: Letterboxed, edited_HxWx3: np.ndarray, mask_HxWx1: np.ndarray) -> Photo:
    """Carries a change up to the photo's own size.

    What is carried up is the difference between the edited and the seen image, as `carry_up` does, so
    that the photo keeps its detail, and every pixel that did not change its exact value.

    Args:
      photo: as it was.
      seen: what the editor was given of it.
      edited_HxWx3: what the editor made of that, in [-1, 1].
      mask_HxWx1: how far it painted each pixel, in [0, 1].
    """
    top, left, height, width = seen.box
    inside = slice(top, top + height), slice(left, left + width)
    affine = carry_up.fit(seen.image[inside], (edited_HxWx3 - seen.image)[inside], mask_HxWx1[inside])
    return photo._replace(pixels=carry_up.apply(affine, photo.pixels))


def blend(before: Photo, after: Photo, strength: float | np.ndarray) -> Photo:
    """The photo between two of one size, from before (strength 0) to after (1); an array [h, w] is one a pixel.

    Where the strength is 0, pixels are exactly those of before.
    """
    if not isinstance(strength, np.ndarray) and strength == 1.0:
        return after
    pixels = np.empty_like(before.pixels)
    for channel in range(3):  # less memory than all at once
        old = before.pixels[..., channel].astype(np.float32)
        pixels[..., channel] = np.round(old + strength * (after.pixels[..., channel] - old))
    return after._replace(pixels=pixels)


def at_photos_size(map_HxW: np.ndarray, photo: Photo, seen: Letterboxed) -> np.ndarray:
    """The photo's part of a map, float32 [h, w], as large as the photo."""
    top, left, height, width = seen.box
    part = np.asarray(map_HxW[top : top + height, left : left + width], np.float32)
    h, w = photo.pixels.shape[:2]
    return np.asarray(Image.fromarray(part).resize((w, h), Image.Resampling.BILINEAR))


def to_image(photo: Photo) -> Image.Image:
    """The picture, RGB, or RGBA where it is transparent."""
    if photo.alpha is None:
        return Image.fromarray(photo.pixels)
    image = Image.fromarray(_off_white(photo.pixels, photo.alpha))
    image.putalpha(Image.fromarray(photo.alpha))
    return image


def write(path: pathlib.Path, photo: Photo) -> None:
    """Writes a photo in the format of the path's suffix.

    Raises:
      UserError: the suffix names no picture format, the format cannot take it, or the file cannot be written.
    """
    file_format = format_of(path)
    image = to_image(photo) if file_format in ("PNG", "WEBP", "TIFF") else Image.fromarray(photo.pixels)
    buffer = io.BytesIO()
    options = {"quality": 95} if file_format in ("JPEG", "WEBP") else {}
    try:
        image.save(buffer, file_format, icc_profile=photo.icc_profile, **options)
    except (OSError, ValueError) as error:  # formats have a largest size
        raise UserError(f"cannot write {path}: {error}; .png takes any size") from error
    write_atomically(path, buffer.getvalue())


def _off_white(pixels, alpha):
    """The colours that give these pixels where they are laid over white with this alpha."""
    opacity = np.maximum(alpha, 1)[..., None] / 255.0
    colors = np.clip(np.round(255.0 - (255.0 - pixels) / opacity), 0, 255).astype(np.uint8)
    return np.where(alpha[..., None] == 255, pixels, colors)


def format_of(path: pathlib.Path) -> str:
    """PIL's name of a path's picture format; UserError where its suffix names none that can be written."""
    file_format = Image.registered_extensions().get(path.suffix.lower())
    if file_format not in ("JPEG", "PNG", "WEBP", "TIFF", "BMP"):
        raise UserError(f"cannot write {path}: its name should end in .png, .jpg, .webp, .tiff or .bmp")
    return file_format
