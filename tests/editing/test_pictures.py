"""Overlays, grids and contact sheets."""

import numpy as np
from PIL import Image

from amgan_jax.editing import photos, pictures


def test_an_overlay_paints_where_the_mask_is():
    photo = photos.Photo(np.full((4, 6, 3), 100, np.uint8), None)
    mask = np.zeros((4, 6), np.float32)
    mask[:, 3:] = 1.0
    painted = pictures.overlay(photo, mask).pixels
    assert (painted[:, :3] == 100).all()
    assert (painted[:, 3:, 0] > 200).all() and (painted[:, 3:, 1] < 50).all()


def test_a_grid_has_each_picture_above_its_label():
    shades = [10 * i for i in range(8)]
    grid = np.asarray(pictures.grid([np.full((20, 10, 3), shade, np.uint8) for shade in shades], ["long name"] * 8))
    cell = (grid.shape[1] - 8) // 4
    middles = [
        grid[8 + 128 + row * (grid.shape[0] - 8) // 2, 8 + cell // 2 + i * cell, 0] for row in (0, 1) for i in range(4)
    ]
    assert middles == shades
    below = grid[8 + 256 : (grid.shape[0] - 8) // 2]
    assert (below < 128).any() and (grid[:8] == 255).all()


def test_a_sheet_has_photos_before_and_after():
    pair = (Image.new("RGB", (30, 30), "red"), Image.new("RGB", (60, 60), "blue"), "a name that is much too long " * 9)
    sheet = np.asarray(pictures.contact_sheet([pair, pair]))
    assert (sheet[136, [20, 300, 550, 830]] == [[255, 0, 0], [0, 0, 255]] * 2).all()
