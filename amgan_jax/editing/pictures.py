"""Pictures of edits for people: overlays of masks, grids of values, contact sheets."""

from collections.abc import Iterable, Sequence
import math
import pathlib

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from amgan_jax.editing.photos import Photo

_PAINT = np.array([255.0, 0.0, 160.0], np.float32)  # of overlays; few garments are of this pink
_OPACITY = 0.7  # where the mask is 1
_CELL = 256  # pixels of the longer side of a photo in a grid or sheet
_GAP = 8
_TEXT = 18  # pixels
_SHEET_COLUMNS = 4  # pairs a row
_FONT = "DejaVuSans.ttf"  # matplotlib brings it; Latin, Greek, Cyrillic and more


def overlay(photo: Photo, mask_hxw: np.ndarray) -> Photo:
    """A photo in grey with a mask [h, w] in [0, 1] in pink over it."""
    grey = np.asarray(Image.fromarray(photo.pixels).convert("L"), np.float32)[..., None]
    opacity = _OPACITY * mask_hxw[..., None]
    painted = np.round(grey + opacity * (_PAINT - grey)).astype(np.uint8)
    return Photo(painted, None)


def grid(pictures: Sequence[np.ndarray], labels: Sequence[str]) -> Image.Image:
    """Pictures uint8 [h, w, 3] in rows that are nearly square together, each above its label."""
    cells = [_thumbnail(Image.fromarray(picture)) for picture in pictures]
    columns = len(cells) if len(cells) <= 5 else -(-len(cells) // 2)
    return _lay_out(cells, labels, columns)


def contact_sheet(pairs: Iterable[tuple[Image.Image, Image.Image, str]]) -> Image.Image:
    """Pictures before and after, side by side, each pair above its label."""
    cells, labels = [], []
    for before, after, label in pairs:
        before, after = _thumbnail(before), _thumbnail(after)
        pair = Image.new("RGB", (before.width + _GAP // 2 + after.width, max(before.height, after.height)), "white")
        pair.paste(before, (0, 0))
        pair.paste(after, (before.width + _GAP // 2, 0))
        cells.append(pair)
        labels.append(label)
    return _lay_out(cells, labels, min(len(cells), _SHEET_COLUMNS))


def _thumbnail(picture):
    scale = _CELL / max(picture.size)  # small photos are enlarged, so that their label fits
    size = [max(1, round(side * scale)) for side in picture.size]
    return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def _lay_out(cells, labels, columns):
    """Cells on white, row by row, centred in places of one size."""
    font = _font()
    longest = max(font.getlength(label) for label in labels)
    width = max(*(cell.width for cell in cells), math.ceil(min(longest, _CELL)))
    height = max(cell.height for cell in cells)
    rows = -(-len(cells) // columns)
    page_size = (columns * (width + _GAP) + _GAP, rows * (height + 2 * _GAP + _TEXT) + _GAP)
    page = Image.new("RGB", page_size, "white")
    draw = ImageDraw.Draw(page)
    for i, (cell, label) in enumerate(zip(cells, labels, strict=True)):
        left = _GAP + (i % columns) * (width + _GAP)
        top = _GAP + (i // columns) * (height + 2 * _GAP + _TEXT)
        page.paste(cell, (left + (width - cell.width) // 2, top + (height - cell.height) // 2))
        middle = (left + width / 2, top + height + _GAP / 2 + _TEXT / 2)
        draw.text(middle, _shortened(label, font, width), fill="black", font=font, anchor="mm")
    return page


def _shortened(label, font, width):
    """A label, its middle left out where it is wider."""
    kept = len(label)
    text = label
    while font.getlength(text) > width and kept > 2:
        kept -= 1
        text = f"{label[: kept - kept // 2]}…{label[len(label) - kept // 2 :]}"
    return text


def _font():
    import matplotlib  # not above: only these pictures need it

    return ImageFont.truetype(pathlib.Path(matplotlib.get_data_path()) / "fonts" / "ttf" / _FONT, _TEXT)
