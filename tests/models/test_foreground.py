"""The foreground head."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from amgan_jax import garments
from amgan_jax.errors import UserError
from amgan_jax.models import classifiers, foreground, networks
from amgan_jax.training import state
from tests import helpers


@pytest.mark.parametrize("architecture", ["resnet", "plain", "efficientnet_lite0"])
def test_the_head_stands_on_any_classifier_and_leaves_its_parameters_alone(architecture):
    config = helpers.tiny_config()
    config.attention.architecture = architecture
    config.attention.plain = config.evaluator.plain
    config.attention.efficientnet = {"output_stride": 8}
    config.attention.foreground = 0.0
    bare = jax.eval_shape(lambda: state.init_classifier(config, "attention", garments.SCHEMA)).variables
    config.attention.foreground = 1.0
    more = jax.eval_shape(lambda: state.init_classifier(config, "attention", garments.SCHEMA)).variables
    for collection in bare:
        assert bare[collection] == {name: tree for name, tree in more[collection].items() if name != "foreground"}
    network = networks.build_classifier(config, "attention", garments.SCHEMA)
    look = lambda size: jax.eval_shape(network.apply, more, jnp.zeros((2, *size, 3)))  # noqa: E731
    for size in ((32, 32), (64, 48)):
        assert look(size).foreground.shape == (2, *size, 1)
    assert look((32, 32)).logits.shape == (2, 21)
    headless = networks.without_head(network)
    assert jax.eval_shape(headless.apply, more, jnp.zeros((2, 32, 32, 3))).logits.shape == (2, 21)


def test_the_head_is_the_attention_networks_alone_and_needs_masks():
    config = helpers.tiny_config()
    config.attention.foreground = 0.5
    assert [networks.learns_foreground(config, name) for name in ("attention", "evaluator")] == [True, False]
    assert networks.settle_foreground(config, has_foreground=True) == config
    assert networks.settle_foreground(config, has_foreground=False).attention.foreground == 0.0
    assert config.attention.foreground == 0.5


def test_a_named_attribute_that_the_schema_lacks_is_refused_by_its_key():
    config = helpers.tiny_config()
    for key, find in (("whole", networks.whole), ("recolors", networks.recolors)):
        config.amgan[key] = ("color", "cut")
        with pytest.raises(UserError, match=f"unknown attribute in amgan.{key} 'cut': sleeve_length, collar, color"):
            find(config, garments.SCHEMA)


class _Blind(nn.Module):
    """A classifier to which all images look alike."""

    @nn.compact
    def __call__(self, image, train):
        return classifiers.Classification(jnp.zeros((1, 2)), (jnp.ones((1, 8, 8, 4)),), None)


def test_the_head_sees_single_pixels():
    """And not only maps, each of whose pixels stands for four of the image."""
    network, image = foreground.WithForeground(_Blind(), jnp.float32, None), jnp.zeros((1, 16, 16, 3))
    variables = network.init(jax.random.key(0), image)
    before, after = (network.apply(variables, x).foreground[0, ..., 0] for x in (image, image.at[0, 9, 9].set(1.0)))
    rows, columns = jnp.nonzero(before != after)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (7, 11, 7, 11)


def test_a_sharpened_foreground_ends_where_the_colours_change():
    """Though it was found two pixels off, and unsure of itself."""
    garment = np.zeros((1, 48, 48, 1), np.float32)
    garment[:, 12:36, 15:30] = 1.0
    image = garment * np.float32([0.8, -0.6, 0.1]) + 0.05 * np.random.default_rng(0).normal(size=(1, 48, 48, 3))
    found = 0.2 + 0.6 * np.roll(garment, 2, axis=2)
    sharp = foreground.sharpen(jnp.asarray(found), jnp.asarray(image, jnp.float32))
    assert np.abs(sharp - garment).mean() < 0.2 * np.abs(found - garment).mean()
    wrong = [np.mean((np.asarray(x) > 0.5) != (garment > 0.5)) for x in (found, sharp)]
    assert wrong[1] < 0.4 * wrong[0]


def test_what_colours_do_not_explain_stays_in_place():
    found = np.random.default_rng(1).uniform(0.3, 0.7, (1, 36, 24, 1)).astype(np.float32)
    grey = foreground.sharpen(found, jnp.zeros((1, 36, 24, 3)))  # means of means, in double contrast
    np.testing.assert_allclose(grey, 0.5, atol=0.1)
    for level in (0.0, 0.5, 1.0):
        even = foreground.sharpen(jnp.full((1, 36, 24, 1), level), jnp.asarray(found - np.float32([0.1, 0.2, 0.5])))
        np.testing.assert_allclose(even, level, atol=1e-4)
