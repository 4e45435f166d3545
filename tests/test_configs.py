"""Every config makes networks that fit its images."""

import importlib
import pathlib

import jax
import pytest

from amgan_jax import garments, networks, state, train
from tests import helpers

NAMES = sorted(p.stem for p in (pathlib.Path(helpers.ROOT) / "configs").glob("*.py") if p.stem != "__init__")


@pytest.mark.parametrize("name", NAMES)
def test_networks_fit_the_images(name):
    config = importlib.import_module(f"configs.{name}").get_config()
    train.check_config(config)
    assert config.amgan.num_steps > config.amgan.n_critic
    start = jax.eval_shape(lambda: state.init_amgan(config, garments.SCHEMA))
    image = jax.ShapeDtypeStruct((1, config.height, config.width, 3), jax.numpy.float32)
    condition = jax.ShapeDtypeStruct((1, sum(garments.SCHEMA.value_counts)), jax.numpy.float32)
    generator = networks.build_generator(config)
    edited, mask = jax.eval_shape(lambda p, x, c: generator.apply({"params": p}, x, c), start.ema, image, condition)
    assert edited.shape == image.shape and mask.shape == (*image.shape[:3], 1)


def test_the_pod_variant_changes_a_few_values_only():
    one, pod = (
        importlib.import_module(f"configs.{name}").get_config() for name in ("products_128", "products_128_pod")
    )
    flat = [dict(_flatten(config.to_dict())) for config in (one, pod)]
    changed = {key for key in flat[0] if flat[0][key] != flat[1][key]}
    assert flat[0].keys() == flat[1].keys()
    assert changed == {
        "amgan.batch_size",
        "amgan.num_steps",
        "generator_optimizer.learning_rate",
        "discriminator_optimizer.learning_rate",
    }


def _flatten(tree, prefix=""):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
