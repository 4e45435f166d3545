"""Draws docs/garments.png: every value of every attribute that the renderer knows.

python docs/draw_garments.py
"""

import pathlib

import jax
from matplotlib import figure
import numpy as np

from amgan_jax import garments

_BASES = ((1, 0, 3, 0, 0), (2, 2, 6, 0, 1), (0, 3, 0, 2, 2))  # garments of which one attribute at a time is changed
_SIZE = (32, 32)  # what configs/quickstart.py trains at


def main() -> None:
    attributes = garments.SCHEMA.attributes
    columns = max(len(a.values) for a in attributes)
    page = figure.Figure(figsize=(columns * 1.2, len(attributes) * len(_BASES) * 1.3), layout="constrained")
    axes = page.subplots(len(attributes) * len(_BASES), columns)
    for cell in axes.ravel():
        cell.axis("off")
    render = jax.jit(lambda label, key: garments.render(label, key, _SIZE))
    for row, (a, base) in enumerate((a, base) for a in range(len(attributes)) for base in _BASES):
        for value, name in enumerate(attributes[a].values):
            label = np.array(base)
            label[a] = value
            image = render(label, garments.nuisance_key(0, row))
            axes[row, value].imshow((np.asarray(image) + 1.0) / 2.0, interpolation="nearest")
            axes[row, value].set_title(f"{attributes[a].name}\n{name}", fontsize=7)
    page.savefig(pathlib.Path(__file__).parent / "garments.png", dpi=100)


if __name__ == "__main__":
    main()
