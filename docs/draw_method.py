"""Draws docs/method.png: the networks of AMGAN and what each sees. Pictures are the renderer's, not a network's.

python docs/draw_method.py
"""

import pathlib

from matplotlib import figure, patches
import numpy as np

from amgan_jax import garments, report

_SIZE = (96, 96)
_SOURCE, _TARGET, _REFERENCE = (2, 0, 3, 0, 0), (2, 3, 0, 0, 0), (2, 3, 0, 0, 1)  # the collar and the colour change
_CHANGED = {"color": 2, "collar": 1}
_BLUE, _ORANGE, _GREY = "#cfe2f7", "#fbe3c8", "#e6e6e6"
_WIDTH, _HEIGHT = 13.0, 6.4


def main() -> None:
    page = figure.Figure(figsize=(_WIDTH, _HEIGHT))
    axes = page.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0.0, _WIDTH)
    axes.set_ylim(0.0, _HEIGHT)
    axes.axis("off")
    target = _render(_TARGET, 0)
    masks = {name: _region(_SOURCE, a) for name, a in _CHANGED.items()}
    _draw_generator(axes, target, masks)
    _draw_region(axes, masks)
    _draw_discriminators(axes, target * masks["collar"])
    report.save_page(page, pathlib.Path(__file__).parent / "method.png")


def _draw_generator(axes, target, masks):
    """The upper row: from the photo to the edit."""
    photo, union = _render(_SOURCE, 0), 1.0 - np.prod([1.0 - mask for mask in masks.values()], axis=0)
    _picture(axes, photo, (0.3, 3.7), "photo x")
    _text(axes, (0.9, 3.0), "target: hood, red\n(was: round, blue)")
    _box(axes, (2.5, 3.7, 1.5, 1.2), "generator G", _BLUE)
    _arrow(axes, (1.5, 4.3), (2.5, 4.3))
    _arrow(axes, (1.6, 3.1), (2.6, 3.65), "condition")
    for i, (name, mask) in enumerate(masks.items()):
        _picture(axes, mask, (4.75, 4.7 - 1.7 * i), f"mask of {name}", 1.05)
        _arrow(axes, (4.0, 4.3), (4.75, 5.2 - 1.7 * i))
    _picture(axes, union, (6.5, 4.3), "m, their union", 1.05)
    _arrow(axes, (5.8, 5.2), (6.5, 4.95))
    _arrow(axes, (5.8, 3.6), (6.5, 4.65))
    _picture(axes, target, (8.2, 3.7), "")
    _text(axes, (8.8, 3.5), "edited y = m c + (1 - m) x")
    _arrow(axes, (7.55, 4.8), (8.2, 4.4))
    axes.plot([3.25, 3.25, 8.8], [4.95, 6.2, 6.2], color="0.3", linewidth=1.0)
    _arrow(axes, (8.8, 6.22), (8.8, 4.9))
    _text(axes, (7.5, 6.03), "colours c")


def _draw_region(axes, masks):
    """The lower row: from the reference to the region."""
    _picture(axes, _render(_REFERENCE, 5), (0.3, 0.6), "reference r, a real photo")
    _box(axes, (2.5, 0.6, 1.5, 1.2), "attention\nnetwork C\n(frozen)", _GREY)
    _arrow(axes, (1.5, 1.2), (2.5, 1.2))
    _arrow(axes, (1.5, 3.75), (2.75, 1.8), "x")
    _picture(axes, masks["collar"], (4.75, 0.7), "region R of collar", 1.05)
    _arrow(axes, (4.0, 1.2), (4.75, 1.2), "activation\nmaps")
    axes.annotate("", (5.27, 2.97), (5.27, 1.98), arrowprops={"arrowstyle": "-|>", "color": "#b05a00", "ls": "--"})
    _text(axes, (6.75, 2.45), "attention loss: each mask to its region", "#b05a00")


def _draw_discriminators(axes, seen):
    """What both discriminators look at; the regional one at `seen`."""
    _box(axes, (10.6, 3.9, 2.1, 1.3), "global\ndiscriminator $D_I$", _ORANGE)
    _arrow(axes, (9.4, 4.4), (10.6, 4.5), "y or r")
    _text(axes, (11.65, 5.45), "real or edited? which values?")
    _box(axes, (10.6, 0.6, 2.1, 1.3), "regional\ndiscriminator $D_R$", _ORANGE)
    _picture(axes, seen, (8.2, 0.7), "y R or r R", 1.05)
    _arrow(axes, (5.8, 1.2), (8.2, 1.2))
    _arrow(axes, (8.75, 3.35), (8.75, 2.05))
    _arrow(axes, (9.25, 1.2), (10.6, 1.2))
    _text(axes, (11.65, 2.15), "the same, of one edited attribute")


def _render(label, key):
    image = garments.render(np.array(label), garments.nuisance_key(0, key), _SIZE)
    return (np.asarray(image) + 1.0) / 2.0


def _region(source, attribute):
    """Where the edit of one attribute of the source changes the picture, float [H, W, 3]."""
    changed = list(source)
    changed[attribute] = _TARGET[attribute]
    before, after = _render(source, 0), _render(changed, 0)
    differs = np.max(np.abs(after - before), axis=-1, keepdims=True) > 0.05
    return np.repeat(differs.astype(float), 3, axis=-1)


def _picture(axes, image, corner, title, side=1.2):
    x, y = corner
    axes.imshow(np.clip(image, 0.0, 1.0), extent=(x, x + side, y, y + side), zorder=2)
    axes.plot([x, x + side, x + side, x, x], [y, y, y + side, y + side, y], color="0.4", linewidth=0.8, zorder=3)
    axes.set_xlim(0.0, _WIDTH)
    axes.set_ylim(0.0, _HEIGHT)
    _text(axes, (x + side / 2, y + side + 0.15), title)


def _box(axes, place, title, color):
    x, y, width, height = place
    axes.add_patch(_rectangle(x, y, width, height, color))
    axes.text(x + width / 2, y + height / 2, title, ha="center", va="center", fontsize=11)


def _rectangle(x, y, width, height, color):
    return patches.FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0.03", facecolor=color, edgecolor="0.3")


def _arrow(axes, start, end, words=""):
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": "0.3"})
    if words:
        _text(axes, ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + 0.22), words)


def _text(axes, place, words, color="0.15"):
    axes.text(*place, words, ha="center", va="center", fontsize=9, color=color, zorder=4)


if __name__ == "__main__":
    main()
