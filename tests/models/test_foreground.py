"""The foreground head."""

import jax
import jax.numpy as jnp
import pytest

from amgan_jax import garments
from amgan_jax.errors import UserError
from amgan_jax.models import networks
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


def test_an_attribute_of_the_whole_garment_that_the_schema_lacks_is_refused_by_its_key():
    config = helpers.tiny_config()
    config.amgan.whole = ("color", "cut")
    with pytest.raises(UserError, match="unknown attribute in amgan.whole 'cut': sleeve_length, collar, color"):
        networks.whole(config, garments.SCHEMA)
