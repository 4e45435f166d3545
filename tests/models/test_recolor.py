"""Edits of colour as one function of the image's colours."""

import jax.numpy as jnp
import numpy as np
import pytest

from amgan_jax.models import generator, recolor

_COLOR, _SLEEVE = np.float32([[1.0, 0.0]]), np.float32([[0.0, 1.0]])
_RECOLORS = (True, False)


def _images():
    """(image [1, 24, 24, 3] of a garment with folds, where the garment is)."""
    rows, columns = np.mgrid[:24, :24]
    garment = np.float32((np.abs(rows - 12) < 9) & (np.abs(columns - 12) < 8))[None, ..., None]
    folds = 0.05 * np.sin(rows + columns)[None, ..., None]
    image = np.where(garment > 0, np.float32([-0.2, 0.1, 0.3]) + folds, 0.9)
    return image.astype(np.float32), garment


def _output(image, change, *masks):
    """What a generator returns that paints through the first mask."""
    edited = image + masks[0] * change
    return generator.Output(jnp.asarray(edited), jnp.asarray(masks[0]), jnp.concatenate(masks, axis=-1))


def test_patches_that_the_generator_missed_take_the_colour_of_the_rest():
    image, garment = _images()
    change = np.broadcast_to(np.float32([0.7, -0.4, -0.6]), image.shape).copy()
    even = _output(image, change, garment, 0 * garment)
    change[:, 4:10, 5:12] = 0.0  # kept its colour
    change[:, 16:20, 14:19] = [0.0, 0.8, 0.3]  # another colour
    patchy = _output(image, change, garment, 0 * garment)
    result = recolor.even(patchy, image, _COLOR, _RECOLORS)
    np.testing.assert_allclose(result, even.edited, atol=0.05)
    assert np.abs(patchy.edited - even.edited).max() > 0.6
    np.testing.assert_array_equal(np.where(garment > 0, 0, result), np.where(garment > 0, 0, image))


def test_a_soft_mask_is_painted_as_far_as_it_is_open():
    image, garment = _images()
    mask = garment * np.linspace(0.2, 1.0, 24, dtype=np.float32)[:, None, None]
    change = np.broadcast_to(np.float32([0.5, -0.2, -0.3]), image.shape)
    result = recolor.even(_output(image, change, mask, 0 * mask), image, _COLOR, _RECOLORS)
    np.testing.assert_allclose(result - image, mask * change, atol=0.01)


def test_where_another_attribute_is_painted_the_edit_stays():
    image, garment = _images()
    sleeve = np.zeros_like(garment)
    sleeve[:, 10:14, :4] = 1.0
    change = np.random.default_rng(0).uniform(-0.5, 0.5, image.shape).astype(np.float32)
    both = _output(image, change, np.maximum(garment, sleeve), sleeve)
    both = both._replace(masks=jnp.concatenate([garment, sleeve], axis=-1))
    result = recolor.even(both, image, _COLOR + _SLEEVE, _RECOLORS)
    np.testing.assert_allclose(result[0, 10:14, :4], both.edited[0, 10:14, :4], atol=1e-6)
    assert np.abs(result - both.edited)[0, 8:16, 8:16].mean() > 0.1  # which is not painted in one colour


@pytest.mark.parametrize("changed", [_SLEEVE, 0 * _SLEEVE])
def test_edits_of_no_colour_stay_as_they_are(changed):
    image, garment = _images()
    change = np.random.default_rng(0).uniform(-0.5, 0.5, image.shape).astype(np.float32)
    output = _output(image, change, garment, garment)
    np.testing.assert_array_equal(recolor.even(output, image, changed, _RECOLORS), output.edited)


def test_a_garment_that_was_not_found_stays_as_it_is():
    image, garment = _images()
    output = _output(image, np.ones_like(image), 0 * garment, 0 * garment)
    np.testing.assert_array_equal(recolor.even(output, image, _COLOR, _RECOLORS), image)
