"""Edits of small images at the size of the pictures."""

import tracemalloc

import numpy as np
from PIL import Image
import pytest
from scipy import ndimage

from amgan_jax import garments
from amgan_jax.editing import carry_up, photos
from tests import helpers

_SIZES = [(53, 37), (1, 1), (7, 501), (300, 1), (640, 480), (20, 20)]  # the last is smaller than the image


def _picture(height, width, seed=0):
    """Smooth shapes with fine noise on them, neither black nor white anywhere."""
    rng = np.random.default_rng(seed)
    shapes = Image.fromarray(rng.integers(60, 196, (6, 5, 3), dtype=np.uint8)).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    return (np.asarray(shapes) + rng.integers(-8, 9, (height, width, 3))).astype(np.uint8)


def _small(pixels, height, width):
    """The whole picture, as `photos.letterbox` makes it small."""
    small = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(small, np.float32) / 127.5 - 1.0


def _opened(image):
    """The mask of an edit that paints everywhere."""
    return np.ones_like(image[..., :1], np.float32)


def _bilinear(pixels, change):
    """The change resized by PIL, plus the picture."""
    size = pixels.shape[1::-1]
    planes = [Image.fromarray(c).resize(size, Image.Resampling.BILINEAR) for c in np.moveaxis(change, -1, 0)]
    return pixels + 127.5 * np.stack([np.asarray(plane) for plane in planes], axis=-1)


def test_a_change_that_is_a_function_of_the_colours_is_that_function_on_the_picture(monkeypatch):
    monkeypatch.setattr(carry_up, "_PAINT_RIDGE", 1e-6)
    rng = np.random.default_rng(0)
    pixels = np.kron(rng.integers(20, 236, (24, 24, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
    pixels = (pixels + rng.integers(-20, 21, pixels.shape)).astype(np.uint8)
    small = _small(pixels, 24, 24)
    swapped = 0.8 * np.eye(3, dtype=np.float32)[::-1]  # red and blue change places, and all becomes darker
    change = small @ swapped - 0.1 - small
    result = carry_up.apply(carry_up.fit(small, change, _opened(small)), pixels)
    expected = ((pixels / 127.5 - 1.0) @ swapped - 0.1 + 1.0) * 127.5
    np.testing.assert_allclose(result, expected, atol=1.0)
    assert np.abs(_bilinear(pixels, change) - expected).mean() > 10.0


def test_where_colours_explain_nothing_the_change_is_bilinear():
    pixels = np.full((320, 240, 3), (90, 120, 150), np.uint8)
    small = _small(pixels, 32, 24)
    change = np.random.default_rng(0).uniform(-0.5, 0.5, small.shape).astype(np.float32)
    result = carry_up.apply(carry_up.fit(small, change, _opened(small)), pixels)
    np.testing.assert_allclose(result, np.clip(_bilinear(pixels, change), 0, 255), atol=0.51)
    np.testing.assert_array_equal(result, carry_up.apply(carry_up.bilinear(change), pixels))


@pytest.mark.parametrize("size", _SIZES)
def test_pictures_of_any_size_change_in_strips_as_bilinear_resizing_does(size, monkeypatch):
    pixels = _picture(*size)
    change = np.random.default_rng(0).uniform(-0.1, 0.1, (32, 24, 3)).astype(np.float32)
    whole = carry_up.apply(carry_up.bilinear(change), pixels)
    np.testing.assert_allclose(whole, _bilinear(pixels, change), atol=0.51)
    affine = carry_up.fit(_small(pixels, 32, 24), change, _opened(change))
    results = []
    for pixels_at_once in (1 << 30, 1, 5000):
        monkeypatch.setattr(carry_up, "_STRIP", pixels_at_once)
        results.append(carry_up.apply(affine, pixels).astype(int))
    assert max(np.abs(result - results[0]).max() for result in results) <= 1  # sums are rounded in another order
    assert np.mean([result != results[0] for result in results]) < 0.001


def test_the_result_seen_small_is_what_was_asked_for():
    pixels = _picture(320, 240)
    small = _small(pixels, 32, 24)
    rows, columns = np.meshgrid(np.linspace(0, 3, 32), np.linspace(0, 3, 24), indexing="ij")
    change = (0.2 * np.sin(rows + columns)[..., None] * np.array([1.0, 0.5, -1.0]) - 0.1 * small).astype(np.float32)
    result = carry_up.apply(carry_up.fit(small, change, _opened(small)), pixels)
    np.testing.assert_allclose(_small(result, 32, 24), small + change, atol=0.03)


def test_less_than_half_a_grey_level_is_no_change():
    pixels = np.random.default_rng(0).integers(0, 256, (320, 240, 3), dtype=np.uint8)  # texture that slopes would touch
    small = _small(pixels, 32, 24)
    change = np.random.default_rng(1).uniform(-0.9, 0.9, small.shape) / 255.0
    change[:10] = 0.5 * small[:10] + 0.1
    result = carry_up.apply(carry_up.fit(small, change, _opened(small)), pixels)
    np.testing.assert_array_equal(result[130:], pixels[130:])  # three rows of the image below the last that changed
    assert np.mean(result[:90] != pixels[:90]) > 0.9


def test_a_coloured_garment_has_its_own_edges():
    """At eight times the size, far nearer to the truth than a change that bleeds over the edge."""
    split = helpers.rendered_split(1, 8)
    label, target = split.label.copy(), split.label.copy()
    label[:, 2], target[:, 2] = 0, 3  # red, blue
    size = (256, 256)
    source, truth = (np.asarray(garments.render_batch(x, split.nuisance, size)) for x in (label, target))
    pixels, truth = (np.round((x + 1.0) * 127.5).astype(np.uint8) for x in (source, truth))
    for large, true in zip(pixels, truth, strict=True):
        small = _small(large, 32, 32)
        change = _small(true, 32, 32) - small
        functions = carry_up.fit(small, change, _opened(small)), carry_up.bilinear(change)
        carried, bled = (carry_up.apply(f, large) for f in functions)
        error, bled_error = (np.mean((x.astype(float) - true) ** 2) for x in (carried, bled))
        assert error < 0.5 * bled_error


def test_paint_ends_at_the_pictures_edge_and_keeps_the_cloths_folds():
    """A grey garment with folds on white, painted red through a soft mask by an edit that smooths the folds."""
    rows, columns = np.mgrid[:256, :192]
    inside = np.hypot((rows - 130) / 90, (columns - 98) / 61) < 1.0
    folds = 25.0 * np.sin(rows / 2.5)[..., None]  # of two pixels of the small image
    pixels = np.repeat(np.where(inside[..., None], 110.0 + folds, 235.0), 3, axis=-1).astype(np.uint8)
    small = _small(pixels, 32, 24)
    mask = 0.5 + 0.5 * _small(np.repeat(255 * np.uint8(inside)[..., None], 3, axis=-1), 32, 24)[..., :1]
    red = np.float32([0.6, -0.5, -0.5])
    change = mask * (red - small)  # one red, without folds
    carried, bled = (
        carry_up.apply(f, pixels).astype(float) for f in (carry_up.fit(small, change, mask), carry_up.bilinear(change))
    )
    depth = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    near, rim = (depth < -2) & (depth > -8), (depth > 1) & (depth < 6)
    assert np.abs(carried - pixels)[near].mean() < 0.3 * np.abs(bled - pixels)[near].mean()
    reached = (red + 1.0) * 127.5
    assert np.abs(carried - folds - reached)[rim].mean() < 0.7 * np.abs(bled - folds - reached)[rim].mean()
    middle = np.std(carried[80:180, 90:106], axis=0).mean() / np.std(pixels[80:180, 90:106], axis=0).mean()
    assert middle > 0.7  # how much of the folds is left


def test_a_letterboxed_photo_is_changed_as_its_part_of_the_image_and_keeps_its_transparency():
    pixels = np.full((53, 37, 3), (90, 120, 150), np.uint8)  # of one colour, so that the change is bilinear
    photo = photos.Photo(pixels, np.arange(53 * 37, dtype=np.uint8).reshape(53, 37), b"profile")
    seen = photos.letterbox(photo, 32, 32)
    top, left, height, width = seen.box
    change = np.random.default_rng(0).uniform(-0.5, 0.5, (height, width, 3)).astype(np.float32)
    edited = np.full_like(seen.image, -1.0)  # the border becomes black
    inside = slice(top, top + height), slice(left, left + width)
    edited[inside] = seen.image[inside] + change
    result = photos.apply_change(photo, seen, edited, _opened(edited))
    assert result.alpha is photo.alpha and result.icc_profile == b"profile"
    np.testing.assert_allclose(result.pixels, _bilinear(pixels, change), atol=0.51)


def test_a_large_picture_takes_little_more_memory_than_its_result():
    pixels = np.zeros((3000, 2000, 3), np.uint8)
    image, change = np.zeros((2, 64, 48, 3), np.float32)
    affine = carry_up.fit(image, change + 0.5, _opened(image))
    tracemalloc.start()
    carry_up.apply(affine, pixels)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.5 * pixels.nbytes
