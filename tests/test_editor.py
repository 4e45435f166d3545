"""The trained system as functions on arrays."""

import jax
import numpy as np
import pytest

from amgan_jax import editor, garments, state
from tests import helpers


@pytest.fixture(scope="module")
def system():
    """An editor whose generator changes things, as a trained one does."""
    config = helpers.tiny_config()
    generator = jax.tree.map(lambda p: p + 0.1, state.init_amgan(config, garments.SCHEMA).ema)
    attention = state.init_classifier(config, "attention", garments.SCHEMA).variables
    return editor.Editor(config, garments.SCHEMA, generator, attention)


def test_a_region_keeps_the_change_to_where_the_attribute_is_seen(system):
    split = helpers.rendered_split(2, 24)
    image, source = split.image[:4], split.label[:4]
    target = source.copy()
    target[:, 2] = (source[:, 2] + 1) % 7
    whole, mask = system.edit(image, source, target)
    limited, limited_mask = system.edit(image, source, target, region=1)
    seen = np.maximum(system.attention(image, source), system.attention(whole, target))[..., 1, None]
    assert np.abs(whole - image).mean() > 0.01 and seen.min() < 0.5 < seen.max()
    np.testing.assert_allclose(limited - image, seen * (whole - image), atol=1e-6)
    np.testing.assert_allclose(limited_mask, seen * mask, atol=1e-6)


def test_classify_reads_each_attribute_within_its_values(system):
    label, confidence = system.classify(helpers.rendered_split(2, 24).image)
    assert label.shape == confidence.shape == (24, 5)
    assert (label >= 0).all() and (label < np.array(garments.SCHEMA.value_counts)).all()
    assert (confidence >= 1.0 / np.array(garments.SCHEMA.value_counts)).all() and (confidence <= 1.0).all()
