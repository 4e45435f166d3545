"""Draws photos and their edits by a trained workdir, a photo a row: the picture of photos in docs/results.md.

python docs/draw_edits.py --workdir=DIR --images='photos/*.jpg' --edits=color=red,color=blue --output=edits.png
"""

from collections.abc import Sequence
import pathlib

from absl import flags
from matplotlib import figure
import numpy as np

from amgan_jax import cli, report
from amgan_jax.editing import editor, photos
from amgan_jax.files import local_path

_WORKDIR = flags.DEFINE_string("workdir", None, "A trained workdir.")
_IMAGES = flags.DEFINE_list("images", None, "Photos, by path or pattern.")
_EDITS = flags.DEFINE_list("edits", None, "Edits to draw, attribute=value each.")
_OUTPUT = flags.DEFINE_string("output", None, "The picture to write.")
_CELL = 1.2  # inches


def main(argv: Sequence[str]) -> None:
    del argv
    system = editor.load(local_path(_WORKDIR.value))
    paths = [path for pattern in _IMAGES.value or [""] for path in photos.find(pattern)]
    rows = [_edit(system, path, _EDITS.value) for path in paths]
    page = figure.Figure(figsize=(_CELL * len(rows[0]), _CELL * len(rows)), layout="constrained")
    for i, cells in enumerate(page.subplots(len(rows), len(rows[0]), squeeze=False)):
        for cell, pixels, title in zip(cells, rows[i], ("photo", *_EDITS.value), strict=True):
            cell.imshow(pixels)
            cell.axis("off")
            if i == 0:
                cell.set_title(title.replace("=", "\n"), fontsize=7)
    report.save_page(page, local_path(_OUTPUT.value))


def _edit(system, path: pathlib.Path, edits: list[str]) -> list[np.ndarray]:
    """Pixels of a photo and of its edits, each of the photo as it was."""
    photo = photos.read(path)
    seen = photos.letterbox(photo, *system.image_size)
    images = np.repeat(seen.image[None], len(edits), axis=0)
    source, _ = system.classify(images)
    target = source.copy()
    for row, edit in zip(target, edits, strict=True):
        for attribute, value in system.schema.parse_edit(edit).items():
            row[attribute] = value
    edited, _ = system.edit(images, source, target)
    return [photo.pixels, *(photos.apply_change(photo, seen, e).pixels for e in edited)]


if __name__ == "__main__":
    flags.mark_flags_as_required(["workdir", "images", "edits", "output"])
    cli.run(main)
