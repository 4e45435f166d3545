"""Every config makes networks that fit its images."""

import importlib
import pathlib

import jax
import pytest

from amgan_jax import garments
from amgan_jax.configs import compare
from amgan_jax.errors import UserError
from amgan_jax.models import networks
from amgan_jax.training import checks, state
from tests import helpers

NAMES = sorted(p.stem for p in (pathlib.Path(helpers.ROOT) / "configs").glob("*.py") if p.stem != "__init__")


@pytest.mark.parametrize("name", NAMES)
def test_networks_fit_the_images(name):
    config = importlib.import_module(f"amgan_jax.configs.{name}").get_config()
    checks.check_config(config)
    assert config.amgan.num_steps > config.amgan.n_critic
    start = jax.eval_shape(lambda: state.init_amgan(config, garments.SCHEMA))
    image = jax.ShapeDtypeStruct((1, config.height, config.width, 3), jax.numpy.float32)
    condition = jax.ShapeDtypeStruct((1, 2 * sum(garments.SCHEMA.value_counts)), jax.numpy.float32)
    changed = jax.ShapeDtypeStruct((1, len(garments.SCHEMA.names)), jax.numpy.float32)
    generator = networks.build_generator(config, garments.SCHEMA)
    apply = lambda params, *inputs: generator.apply({"params": params}, *inputs)  # noqa: E731
    edited, mask, _ = jax.eval_shape(apply, start.ema, image, condition, changed)
    assert edited.shape == image.shape and mask.shape == (*image.shape[:3], 1)


@pytest.mark.parametrize("name", ["compare", "compare_products_64", "compare_products_128"])
def test_all_systems_have_about_as_many_parameters(name):
    configs = importlib.import_module(f"amgan_jax.configs.{name}")
    counts = {}
    for system in compare.SYSTEMS:
        config = configs.get_config(system)
        checks.check_config(config)
        start = jax.eval_shape(lambda c=config: state.init_amgan(c, garments.SCHEMA))
        counts[system] = sum(x.size for x in jax.tree.leaves(start.generator))
        baseline = system in ("stargan", "ganimation", "sagan")
        assert ("regional" in start.discriminators) == (not baseline and system != "no_regional")
        assert config.generator_loss.attention or not config.generator_loss.outside
        assert bool(config.generator_loss.perceptual) == (not baseline and system != "no_perceptual")
    assert max(counts.values()) <= 1.1 * min(counts.values())


def test_an_unknown_system_is_refused():
    with pytest.raises(UserError, match="unknown system 'cyclegan': amgan, stargan"):
        compare.get_config("cyclegan")


def test_variants_of_a_system_follow_what_was_chosen_for_it_unless_it_is_plain():
    plain, chosen, twice, own = (
        compare.get_config(f"sagan{v}") for v in ("_plain", "", "_twice", "_plain_plain_score_twice")
    )
    rates = [c.generator_optimizer.learning_rate for c in (plain, chosen, twice, own)]
    assert rates == [2 * rates[1], rates[1], rates[1], 2 * rates[1]]
    assert own.discriminator_loss.penalty == 10.0 and not own.discriminator.projection
    assert {c.discriminator_loss.penalty for c in (plain, chosen, twice)} == {2.0}
    assert chosen.amgan.num_steps == plain.amgan.num_steps == twice.amgan.num_steps / 2 == own.amgan.num_steps / 2


@pytest.mark.parametrize("name", ["amgan", "stargan", "ganimation", "sagan"])
def test_a_published_system_has_nothing_that_helps_all(name):
    published, plain = (compare.get_config(f"{name}_{variant}") for variant in ("published", "plain"))
    assert published.amgan.condition == ("target",) and not published.discriminator.projection
    assert not published.discriminator_loss.source_attributes and published.discriminator_loss.penalty == 10.0
    changed = [key for key, value in _flatten(published.to_dict()) if dict(_flatten(plain.to_dict()))[key] != value]
    assert {key.partition(".")[0] for key in changed} <= {"amgan", "discriminator", "discriminator_loss"}


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("no_regional", "amgan.regional"),
        ("no_attention", "generator_loss.attention"),
        ("no_perceptual", "generator_loss.perceptual"),
        ("amgan_real_heads", "discriminator_loss.source_attributes"),
    ],
)
def test_amgan_without_a_part_differs_from_amgan_in_that_part_only(name, part):
    whole, without = (dict(_flatten(compare.get_config(system).to_dict())) for system in ("amgan", name))
    assert [key for key in whole if whole[key] != without[key]] == [part]
    assert whole[part] and not without[part]


def test_the_pod_variant_changes_a_few_values_only():
    names = ("products_128", "products_128_pod")
    one, pod = (importlib.import_module(f"amgan_jax.configs.{name}").get_config() for name in names)
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


@pytest.mark.parametrize("name", ["attention", "evaluator"])
def test_widths_may_be_lists_as_of_a_file(name):
    """Modules are hashed where they are compiled for."""
    config = helpers.tiny_config()
    as_tuple = networks.build_classifier(config, name, garments.SCHEMA)
    config[name].network = {key: list(v) if isinstance(v, tuple) else v for key, v in config[name].network.items()}
    config.discriminator.stages = [0, 2]
    as_list = networks.build_classifier(config, name, garments.SCHEMA)
    assert hash(as_list) == hash(as_tuple) and as_list == as_tuple
    assert networks.discriminator_view_shape(config) == networks.discriminator_view_shape(_with_stages((0, 2)))
    hash(networks.build_discriminator(config, garments.SCHEMA))


def _with_stages(stages):
    config = helpers.tiny_config()
    config.discriminator.stages = stages
    return config
