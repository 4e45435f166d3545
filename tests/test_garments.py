"""The renderer, and the truth of edits."""

import functools

import jax
import numpy as np
import pytest

from amgan_jax import garments

SIZE = (48, 48)
BASE = [1, 0, 0, 0, 0]  # a short-sleeved, round-necked, red, plain pullover


@functools.partial(jax.jit, static_argnums=2)
def _render(label, index, size=SIZE):
    return garments.render(label, garments.nuisance_key(7, index), size)


def _edit(attribute, value):
    label = list(BASE)
    label[attribute] = value
    return np.array(label)


def _region(target, index=0):
    source, edited = _render(np.array(BASE), index), _render(target, index)
    return np.asarray(garments.true_region(source, edited))[..., 0]


@pytest.mark.parametrize("size", [(32, 32), (64, 48), (40, 60)])
def test_renders_images_of_any_size_in_range(size):
    image = np.asarray(_render(np.array(BASE), 0, size))
    assert image.shape == (*size, 3)
    assert image.min() >= -1.0 and image.max() <= 1.0 and image.std() > 0.1


def test_the_key_alone_fixes_the_nuisance():
    np.testing.assert_array_equal(_render(np.array(BASE), 3), _render(np.array(BASE), 3))
    assert np.abs(np.asarray(_render(np.array(BASE), 3)) - _render(np.array(BASE), 4)).mean() > 0.02


def test_sleeves_change_the_sides_and_not_the_middle():
    region = _region(_edit(0, 2))
    assert region.any()
    assert not region[:, 19:29].any()


def test_a_collar_changes_the_top_and_not_the_hem():
    region = _region(_edit(1, 3))
    assert region.any()
    assert not region[28:].any()


def test_a_fastening_changes_the_middle_only():
    region = _region(_edit(4, 2))
    assert region.any()
    assert not region[:, :15].any() and not region[:, 33:].any()


def test_a_color_changes_the_garment_and_not_the_background():
    region = _region(_edit(2, 3))
    corners = np.concatenate([region[:3, :3].ravel(), region[-3:, :3].ravel(), region[:3, -3:].ravel()])
    assert region[24, 24] and not corners.any()


def test_the_foreground_is_the_garment_that_is_seen():
    """A colour changes all of it and nothing else, but for buttons, cords and dark edges."""
    found = _foreground(np.array(BASE))
    assert found.shape == SIZE and found.min() == 0.0 and found.max() == 1.0
    changed = _region(_edit(2, 3))
    assert not changed[found == 0.0].any() and np.mean(changed[found == 1.0]) > 0.8
    for longer in (_edit(0, 2), _edit(1, 3)):  # sleeves, a hood
        assert _foreground(longer).sum() > 1.02 * found.sum()


def _foreground(label):
    return np.asarray(garments.foreground(label, garments.nuisance_key(7, 0), SIZE))[..., 0]


def test_the_same_label_has_an_empty_region():
    assert not _region(np.array(BASE)).any()


@pytest.mark.parametrize("attribute", range(5))
def test_every_value_can_be_told_from_every_other(attribute):
    images = [np.asarray(_render(_edit(attribute, v), 0)) for v in range(garments.SCHEMA.value_counts[attribute])]
    for i, a in enumerate(images):
        for b in images[:i]:
            assert np.sum(np.abs(a - b).max(axis=-1) > 0.2) >= 12
