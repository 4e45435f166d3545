"""Where an edit of an attribute belongs."""

import numpy as np

from amgan_jax.models.regions import Seen, regions

_RNG = np.random.default_rng(0)
_THIS, _OTHER = _RNG.random((2, 2, 16, 16, 3), np.float32)


def _square(top):
    """A foreground of 4 x 4 pixels."""
    foreground = np.zeros((2, 16, 16, 1), np.float32)
    foreground[:, top : top + 4, 4:8] = 0.9
    return foreground


def test_without_a_foreground_a_region_is_the_larger_map():
    found = regions(Seen(_THIS, None), Seen(_OTHER, None), (True, False, False))
    np.testing.assert_array_equal(found, np.maximum(_THIS, _OTHER))


def test_the_region_of_a_whole_garments_attribute_is_the_images_own_foreground():
    found = regions(Seen(_THIS, _square(2)), Seen(_OTHER, _square(9)), (False, True, False))
    np.testing.assert_array_equal(found[..., 1:2], _square(2))


def test_a_part_is_within_reach_of_the_foreground_of_the_image_that_it_is_seen_in():
    found = regions(Seen(_THIS, _square(2)), Seen(_OTHER, _square(9)), (False, True, False))[..., ::2]
    for seen, rows in ((_THIS, slice(1, 7)), (_OTHER, slice(8, 14))):  # a pixel further than the squares
        np.testing.assert_allclose(found[:, rows, 3:9], np.float32(0.9) * seen[:, rows, 3:9, ::2])
    assert not found[:, 14:].any() and not found[:, :, 9:].any() and not found[:, :1].any()
