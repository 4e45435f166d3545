"""Every config makes networks that fit its images."""

import ast
import importlib
import pathlib

import jax
import jax.numpy as jnp
from ml_collections import config_dict
import numpy as np
import pytest

from amgan_jax import garments
from amgan_jax.configs import compare, systems
from amgan_jax.errors import UserError
from amgan_jax.models import networks
from amgan_jax.training import checks, state
from amgan_jax.workdir import CLASSIFIERS
from tests import helpers

FILES = sorted(p for p in (pathlib.Path(helpers.ROOT) / "configs").glob("*.py") if p.stem != "__init__")
VARIANTS = (
    "manifest:pretrained",
    "pretrained:64_cpu",
    "products_128:pod",
    "published:celeb_a",
    "published:shapes3d",
    "published:shopping100k",
)


def _load(name):
    """The config of a file, or of its variant as in "published:celeb_a"."""
    module, _, variant = name.partition(":")
    return importlib.import_module(f"amgan_jax.configs.{module}").get_config(*filter(None, [variant]))


@pytest.mark.parametrize("name", [*(path.stem for path in FILES), *VARIANTS])
def test_networks_fit_the_images(name):
    config = _load(name)
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


@pytest.mark.parametrize("name", ["manifest", "pretrained", "products_128", "published", "quickstart"])
def test_an_unknown_variant_is_refused_with_those_that_there_are(name):
    with pytest.raises(UserError, match="unknown .* 'other': "):
        _load(f"{name}:other")


def test_no_config_is_more_than_two_files_from_the_defaults():
    """A preset is read in its own file, at most one other, and default.py."""
    imports = {
        path.stem: {
            alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and node.module == "amgan_jax.configs"
            for alias in node.names
        }
        - {"default"}
        & {other.stem for other in FILES}
        for path in FILES
    }
    assert any(imports.values())
    for name, near in imports.items():
        assert not any(imports[other] for other in near), name


# Of each config and number of training images: (updates, warm-up, decay) of attention network, evaluator, generator
# and discriminators. A warm-up longer than the training leaves no decay.
_LENGTHS = {
    ("quickstart", 4000): ((400, 40, 200), (320, 40, 250), (3000, 100, 1500), (3000, 100, 50)),
    ("synthetic_64_cpu", 8000): ((400, 40, 200), (320, 40, 250), (3000, 100, 1800), (3000, 100, 50)),
    ("compare:amgan", 4000): ((400, 40, 200), (320, 40, 250), (1000, 100, 500), (1000, 100, 50)),
    ("compare_64:amgan", 8000): ((400, 40, 200), (320, 40, 250), (1000, 100, 500), (1000, 100, 50)),
    ("compare:sagan_twice", 4000): ((400, 40, 200), (320, 40, 250), (2000, 100, 1000), (2000, 100, 100)),
    ("tiny", 64): ((8, 40, 0), (8, 40, 0), (8, 100, 0), (8, 100, 0)),
    ("products_64_cpu", 3597): ((674, 101, 573), (674, 101, 573), (4800, 100, 2400), (4800, 100, 48)),
}


@pytest.mark.parametrize(("name", "images"), _LENGTHS)
def test_how_long_a_config_trains(name, images):
    config = _load(name)
    amgan = networks.amgan_length(config)
    lengths = [(networks.classifier_length(config, n, images), config[n].optimizer) for n in CLASSIFIERS]
    lengths += [(amgan, config.generator_optimizer), (amgan, config.discriminator_optimizer)]
    assert tuple((*length, _decay(length, optimizer)) for length, optimizer in lengths) == _LENGTHS[name, images]
    builder = config.data.builder
    assert images == builder.train if "train" in builder else 3597


def _decay(length, optimizer):
    """Updates over which the rate falls, as the optimizer has them: those after the last at the full rate."""
    moments, sizes = None, []
    flat = config_dict.ConfigDict(optimizer.to_dict() | {"learning_rate": 1.0, "b1": 0.0, "b2": 0.0, "weight_decay": 0})
    adam = networks.build_optimizer(flat, length)
    moments = adam.init(jnp.zeros(()))

    def update(moments, _):
        change, moments = adam.update(jnp.ones(()), moments, jnp.zeros(()))
        return moments, -change

    sizes = np.asarray(jax.lax.scan(update, moments, length=length.num_steps)[1])
    full = np.flatnonzero(sizes > 1.0 - 1e-6)
    return length.num_steps - 1 - int(full[-1]) + 1 if len(full) else 0


def test_half_the_updates_have_half_the_decay():
    config = _load("quickstart")
    config.amgan.num_steps //= 2
    assert _decay(networks.amgan_length(config), config.generator_optimizer) == 750


def test_classifiers_see_more_photos_for_as_many_epochs():
    config = _load("manifest:pretrained")
    lengths = [networks.classifier_length(config, "attention", images) for images in (300, 3000)]
    assert lengths == [(56, 8), (562, 84)]
    assert networks.classifier_length(config, "attention", 1).num_steps == 1


@pytest.mark.parametrize("name", ["compare", "compare_products_64", "compare_products_128"])
def test_all_systems_have_about_as_many_parameters(name):
    configs = importlib.import_module(f"amgan_jax.configs.{name}")
    counts = {}
    for system, kind in systems.find().items():
        config = configs.get_config(system)
        checks.check_config(config)
        start = jax.eval_shape(lambda c=config: state.init_amgan(c, garments.SCHEMA))
        counts[system] = sum(x.size for x in jax.tree.leaves(start.generator))
        assert ("regional" in start.discriminators) == (not kind.baseline and system != "no_regional")
        assert config.generator_loss.attention or not config.generator_loss.outside
        assert bool(config.generator_loss.perceptual) == (not kind.baseline and system != "no_perceptual")
    assert max(counts.values()) <= 1.1 * min(counts.values())


def test_an_unknown_system_is_refused():
    with pytest.raises(UserError, match="unknown system 'cyclegan': amgan, .*, stargan, then _plain"):
        compare.get_config("cyclegan")


_ONE_FILE = """
from amgan_jax.configs import systems

def _switch(config):
    systems.drop_parts(config)
    config.generator.mask = "head"
    config.height = 33  # which is refused, and so seen

SYSTEMS = {"mine": systems.System(_switch, chosen=("half_rate",), baseline=True)}
"""


def test_a_baseline_is_added_by_one_file(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(_ONE_FILE)
    monkeypatch.setattr(systems, "__path__", [*systems.__path__, str(tmp_path)])
    config, twice = compare.get_config("mine"), compare.get_config("mine_plain_twice")
    assert config.generator.mask == "head" and not config.amgan.regional
    assert config.generator_optimizer.learning_rate == twice.generator_optimizer.learning_rate / 2
    assert twice.amgan.num_steps == 2 * config.amgan.num_steps
    assert systems.find()["mine"].baseline  # which benchmarks/compare.py asks for


def test_a_baseline_may_be_in_a_folder_of_ones_own(tmp_path):
    (tmp_path / "configs" / "systems").mkdir(parents=True)
    (tmp_path / "configs" / "systems" / "mine.py").write_text(_ONE_FILE)
    config = f"--config={helpers.ROOT}/configs/compare.py:mine"
    result = helpers.run("-m", "amgan_jax.main", config, f"--workdir={tmp_path}/w", cwd=tmp_path)
    helpers.assert_refused(result, "height=33: the generator needs a multiple of 4")


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
    parts = {key.partition(".")[0] for key in changed if key != "generator.sees_foreground"}
    assert parts <= {"amgan", "discriminator", "discriminator_loss"} and not published.generator.sees_foreground


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
    one, pod = _load("products_128"), _load("products_128:pod")
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
    for key, value in networks.knobs_of(config, name).items():
        networks.knobs_of(config, name)[key] = list(value) if isinstance(value, tuple) else value
    config.discriminator.stages = [0, 2]
    as_list = networks.build_classifier(config, name, garments.SCHEMA)
    assert hash(as_list) == hash(as_tuple) and as_list == as_tuple
    assert networks.discriminator_view_shape(config) == networks.discriminator_view_shape(_with_stages((0, 2)))
    hash(networks.build_discriminator(config, garments.SCHEMA))


def _with_stages(stages):
    config = helpers.tiny_config()
    config.discriminator.stages = stages
    return config
