"""Where an edit may change a photo."""

import numpy as np
from PIL import Image
import pytest

from amgan_jax import garments
from amgan_jax.editing import photos, where
from amgan_jax.errors import UserError


def test_a_rectangle_rises_over_a_soft_edge_inside_of_it():
    weight = where.weight(where.Box(10, 20, 60, 70), 100, 120)  # two pixels of edge
    assert weight.shape == (100, 120) and weight.dtype == np.float32
    outside = np.ones((100, 120), bool)
    outside[20:70, 10:60] = False
    assert not weight[outside].any()
    np.testing.assert_allclose(weight[45, 9:14], [0, 1 / 3, 2 / 3, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(weight[66:71, 30], [1, 1, 2 / 3, 1 / 3, 0], rtol=1e-6)
    assert weight[22:68, 12:58].min() == 1.0


def test_the_photos_border_is_no_edge():
    assert where.weight(where.Box(0, 0, 500, 500), 40, 30).min() == 1.0
    half = where.weight(where.Box(0, 0, 15, 500), 40, 30)
    assert half[:, 0].min() == 1.0 and (half[:, 14] == 0.5).all() and not half[:, 15:].any()


def test_a_mask_is_scaled_and_rises_as_a_rectangle_does():
    mask = np.zeros((50, 60), np.float32)
    mask[10:35, 5:30] = 1.0
    assert not where.weight(mask, 50, 60)[mask == 0].any()
    np.testing.assert_array_equal(where.weight(mask, 50, 60)[20], where.weight(where.Box(5, 10, 30, 35), 50, 60)[20])
    large = where.weight(mask, 100, 120)
    assert large[40, 30] == 1.0 and not large[:18].any() and not large[:, 62:].any()
    assert where.weight(np.full((5, 6), 0.25, np.float32), 50, 60).max() == 0.25  # grey: as far as that


def test_outside_of_a_region_a_photo_is_exactly_as_it_was():
    before = photos.Photo(np.random.default_rng(0).integers(0, 256, (100, 120, 3), dtype=np.uint8), None)
    after = photos.Photo(255 - before.pixels, None)
    weight = where.weight(where.Box(10, 20, 60, 70), 100, 120)
    blended = photos.blend(before, after, 0.5 * weight).pixels
    np.testing.assert_array_equal(blended[weight == 0], before.pixels[weight == 0])
    deep = weight == 1.0
    assert np.abs(blended[deep].astype(float) - 127.5).max() <= 0.5  # half of the way from x to 255 - x
    edge = before.pixels[45, 10] + (255.0 - 2.0 * before.pixels[45, 10]) / 6.0
    assert np.abs(blended[45, 10] - edge).max() <= 0.5


def test_a_region_is_an_attribute_a_rectangle_or_a_mask(tmp_path):
    assert where.parse("color", garments.SCHEMA) == garments.SCHEMA.index("color")
    assert where.parse("1, 2,30,40", garments.SCHEMA) == where.Box(1, 2, 30, 40)
    picture = Image.new("L", (6, 4))
    picture.putpixel((2, 1), 255)
    picture.save(tmp_path / "mask.png")
    mask = where.parse(str(tmp_path / "mask.png"), garments.SCHEMA)
    assert mask.shape == (4, 6) and mask.sum() == mask[1, 2] == 1.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hem", "unknown attribute 'hem'"),
        ("1,2,3", "four whole numbers"),
        ("-1,2,3,4", "four whole numbers"),
        ("0.1,2,3,4", "four whole numbers"),
        ("5,2,5,9", "is empty"),
        ("none.png", "none.png"),
        ("black.png", "all black"),
    ],
)
def test_what_is_no_region_is_refused(tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (6, 4)).save("black.png")
    with pytest.raises(UserError, match=said):
        where.parse(text, garments.SCHEMA)


def test_a_rectangle_outside_of_a_photo_is_refused():
    with pytest.raises(UserError, match="300,0,310,9 lies outside of a photo of 120 x 100 pixels"):
        where.weight(where.Box(300, 0, 310, 9), 100, 120)
