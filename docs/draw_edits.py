"""Draws photos and their edits by a trained system, a photo a row: the pictures of photos in README.md and docs/.

python docs/draw_edits.py --weights=clothing --images='photos/*.jpg' --edits="color=red;color=blue,pattern=plain" \\
    --output=edits.png

Edits are parted by semicolons, attributes of an edit by commas.
"""

from collections.abc import Sequence

from absl import flags
from matplotlib import figure
import numpy as np

import amgan_jax
from amgan_jax import cli, report
from amgan_jax.commands import systems
from amgan_jax.editing import photos
from amgan_jax.files import local_path

systems.define_flags()
_IMAGES = flags.DEFINE_list("images", None, "Photos, by path or pattern.", required=True)
_EDITS = flags.DEFINE_string("edits", None, "Edits to draw.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "The picture to write.", required=True)
_CELL = 1.4  # inches


def main(argv: Sequence[str]) -> None:
    del argv
    system = amgan_jax.load(systems.folder(flags.FLAGS))
    edits = _EDITS.value.split(";")
    rows = [_edit(system, path, edits) for pattern in _IMAGES.value or [""] for path in photos.find(pattern)]
    page = figure.Figure(figsize=(_CELL * len(rows[0]), _CELL * len(rows)), layout="constrained")
    for i, cells in enumerate(page.subplots(len(rows), len(rows[0]), squeeze=False)):
        for cell, pixels, title in zip(cells, rows[i], ("photo", *edits), strict=True):
            cell.imshow(pixels)
            cell.axis("off")
            if i == 0:
                values = (part.partition("=")[2] for part in title.split(","))
                cell.set_title("\n".join(values) if "=" in title else title, fontsize=7)
    report.save_page(page, local_path(_OUTPUT.value))


def _edit(system, path, edits: list[str]) -> list[np.ndarray]:
    """Pixels of a photo and of its edits, each of the photo as it was."""
    wanted = [system.schema.name_edit(system.schema.parse_edit(edit)) for edit in edits]
    results = [system.edit(path, **values) for values in wanted]
    return [results[0].before.pixels, *(result.photo.pixels for result in results)]


if __name__ == "__main__":
    cli.run(main)
