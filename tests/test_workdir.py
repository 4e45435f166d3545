"""Whether a workdir belongs to a config and a schema."""

import json

import pytest

from amgan_jax import workdir
from amgan_jax.errors import UserError
from amgan_jax.models import networks
from amgan_jax.schema import Schema
from tests import helpers

SCHEMA = Schema.from_values({"color": ["red", "blue"]})


@pytest.fixture
def prepared(tmp_path):
    workdir.prepare(tmp_path / "w", helpers.tiny_config(), SCHEMA, write=True)
    return tmp_path / "w"


def test_config_and_schema_come_back_as_they_were(prepared):
    config, schema = workdir.load(prepared)
    assert schema == SCHEMA
    assert config.to_dict() == helpers.tiny_config().to_dict()


def test_a_workdir_of_before_a_knob_goes_on_as_before(prepared):
    path = prepared / "config.json"
    content = json.loads(path.read_text())
    for key in (
        "amgan.crop",
        "amgan.cycle_every",
        "discriminator.projection",
        "discriminator_loss.source_attributes",
        "attention.mixup",
        "attention.foreground",
        "amgan.whole",
    ):
        section, name = key.split(".")
        del content[section][name]
    del content["skip_broken_updates"]
    path.write_text(json.dumps(content))
    (prepared / "amgan").mkdir()
    config = helpers.tiny_config()
    with pytest.raises(UserError, match="discriminator.projection was False, is True"):
        workdir.prepare(prepared, config, SCHEMA, write=True)
    config.discriminator.projection = False
    config.discriminator_loss.source_attributes = 0.0
    workdir.prepare(prepared, config, SCHEMA, write=True)


def test_attributes_of_the_whole_garment_make_no_difference_without_a_foreground_head(prepared):
    """As of photos without masks, whose config has come to name some."""
    (prepared / "amgan").mkdir()
    config = helpers.tiny_config()
    config.attention.foreground, config.amgan.whole = 0.0, ("color",)
    workdir.check(prepared, config, SCHEMA)
    config.attention.foreground = 1.0
    workdir.prepare(prepared.parent / "headed", config, SCHEMA, write=True)
    (prepared.parent / "headed" / "amgan").mkdir()
    config.amgan.whole = ()
    with pytest.raises(UserError, match=r"amgan.whole was \['color'\], is \[\]"):
        workdir.check(prepared.parent / "headed", config, SCHEMA)


@pytest.fixture
def old(prepared):
    """A workdir whose config has lengths in steps, as of quickstart's size."""
    path = prepared / "config.json"
    path.write_text(json.dumps(helpers.in_steps(json.loads(path.read_text()), images=64)))
    (prepared / "amgan").mkdir()
    return prepared


def test_a_config_with_lengths_in_steps_is_read_and_is_the_same(old):
    config, new = workdir.load(old)[0], helpers.tiny_config()
    assert config.generator_optimizer.decay == 0.5 and config.amgan.warmup_steps == 100
    assert networks.knobs_of(config, "attention") == new.attention.resnet
    assert networks.knobs_of(config, "evaluator") == new.evaluator.plain
    workdir.prepare(old, new, SCHEMA, write=True)
    assert workdir.load(old)[0].to_dict() == new.to_dict()


def test_a_config_with_lengths_in_steps_is_refused_for_what_differs(old):
    config = helpers.tiny_config()
    config.attention.resnet.strides = (1, 2, 1)
    with pytest.raises(UserError, match=r"attention.resnet.strides was \[1, 1, 1\], is \[1, 2, 1\]; name"):
        workdir.prepare(old, config, SCHEMA, write=True)


def test_classifiers_of_other_lengths_are_refused_but_not_for_knobs_without_effect(prepared):
    config = helpers.tiny_config()
    config.evaluator.resnet.widths = (1, 2)  # the evaluator is none
    config.generator_optimizer.decay = 0.1
    workdir.prepare(prepared, config, SCHEMA, write=True)
    config.attention.epochs = 3.0
    with pytest.raises(UserError, match=r"attention.epochs was 2.0, is 3.0; name"):
        workdir.prepare(prepared, config, SCHEMA, write=True)


def test_another_config_is_refused_by_key(prepared):
    (prepared / "amgan").mkdir()
    config = helpers.tiny_config()
    config.generator.width = 8
    with pytest.raises(UserError, match="another config: generator.width was 4, is 8; name another --workdir"):
        workdir.prepare(prepared, config, SCHEMA, write=True)


def test_classifiers_go_on_to_another_amgan_but_not_to_other_data(prepared):
    config = helpers.tiny_config()
    config.generator.width = 8
    workdir.prepare(prepared, config, SCHEMA, write=True)
    assert workdir.load(prepared)[0].generator.width == 8
    config.height = 64
    with pytest.raises(UserError, match="another config: height was 32, is 64; name another --workdir"):
        workdir.prepare(prepared, config, SCHEMA, write=True)


def test_what_leaves_training_valid_may_change(prepared):
    config = helpers.tiny_config()
    config.amgan.num_steps = 100
    config.data.data_dir = "/elsewhere"
    config.evaluate.batch_size = 2
    workdir.prepare(prepared, config, SCHEMA, write=True)
    assert workdir.load(prepared)[0].amgan.num_steps == 100


def test_another_schema_is_refused_by_attribute(prepared):
    with pytest.raises(UserError, match="another schema \\(attribute color\\)"):
        workdir.prepare(prepared, helpers.tiny_config(), Schema.from_values({"color": ["red", "green"]}), write=True)


def test_a_folder_of_other_things_is_refused(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="holds files but no config.json"):
        workdir.prepare(tmp_path, helpers.tiny_config(), SCHEMA, write=True)
    with pytest.raises(UserError, match="is not a workdir of amgan_jax.main: it has no config.json"):
        workdir.load(tmp_path)
    with pytest.raises(UserError, match="is not a directory"):
        workdir.prepare(tmp_path / "holiday.jpg", helpers.tiny_config(), SCHEMA, write=True)


def test_other_hosts_check_and_write_nothing(tmp_path):
    config = helpers.tiny_config()
    workdir.prepare(tmp_path / "w", config, SCHEMA, write=False)
    assert not (tmp_path / "w").exists()
    workdir.prepare(tmp_path / "w", config, SCHEMA, write=True)
    (tmp_path / "w" / "amgan").mkdir()
    config.amgan.batch_size = 8
    with pytest.raises(UserError, match="amgan.batch_size was 4, is 8"):
        workdir.prepare(tmp_path / "w", config, SCHEMA, write=False)
