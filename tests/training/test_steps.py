"""The training steps."""

import functools

import jax
import jax.numpy as jnp
from ml_collections import config_dict
import numpy as np
import pytest

from amgan_jax import encoding, garments
from amgan_jax.models import networks
from amgan_jax.models.activation_maps import activation_maps
from amgan_jax.training import losses, parallel, state, steps
from tests import helpers

SCHEMA = garments.SCHEMA
_LENGTH = networks.Length(num_steps=8, warmup_steps=40)  # of the tiny config's classifiers


def _start(config):
    """(fresh TrainState, attention variables, first batch)."""
    attention = state.init_classifier(config, "attention", SCHEMA).variables
    batch = next(helpers.rendered_source().amgan_batches(config, 0))
    return state.init_amgan(config, SCHEMA), attention, batch


def _config_of_one_loss(name, weight):
    """A tiny config whose generator has no other loss."""
    config = helpers.tiny_config()
    config.generator_loss.update(dict.fromkeys(config.generator_loss, 0.0) | {name: weight})
    return config


def _moved(start):
    """The same with a generator that is not at the identity, where the cycle loss has a kink."""
    return (start[0].replace(generator=jax.tree.map(lambda p: p + 0.05, start[0].generator)), *start[1:])


def _step(config, start):
    """The state and metrics after one update."""
    train_state, attention, batch = start
    new, metrics = _mapped_step(config_dict.FrozenConfigDict(config))(
        parallel.replicate(train_state), parallel.replicate(attention), parallel.shard(batch, config.amgan.n_critic)
    )
    return jax.device_get(new), jax.device_get(metrics)


@functools.cache
def _mapped_step(config):
    """Compiled once for all tests of a config."""
    return parallel.map_step(functools.partial(steps.amgan_step, config, SCHEMA), frozen=1)


def _classify(config):
    """The attention network's state after one update."""
    batch = parallel.shard(next(helpers.rendered_source().classifier_batches(config, "attention", 0)), 1)
    step = parallel.map_step(functools.partial(steps.classifier_step, config, "attention", SCHEMA, _LENGTH))
    return jax.device_get(step(parallel.replicate(state.init_classifier(config, "attention", SCHEMA)), batch)[0])


def _entropy(logits):
    """Of an attribute's probabilities, [B, A]."""
    parts = encoding.split_values(logits, SCHEMA.value_counts)
    return np.stack([-jnp.sum(jax.nn.softmax(x) * jax.nn.log_softmax(x), axis=-1) for x in parts], axis=1)


def _distance(a, b):
    return max(jax.tree.leaves(jax.tree.map(lambda x, y: float(np.abs(x - y).max()), a, b)))


def _assert_first_gradient(config, after, gradient):
    """The generator's optimizer has seen this gradient and no other."""
    expected = jax.tree.map(lambda g: (1.0 - config.generator_optimizer.b1) * g, gradient)
    largest = max(float(np.abs(g).max()) for g in jax.tree.leaves(expected))
    assert largest > 1e-3 and _distance(after.generator_optimizer[0].mu, expected) < 1e-4 * largest


@pytest.fixture(scope="module")
def updated():
    config = helpers.tiny_config()
    start = jax.device_get(_start(config))  # on the host, as the step donates what it is given
    return start, *_step(config, start)


def test_one_update_moves_all_three_networks_and_counts(updated):
    (before, _, _), after, metrics = updated
    assert after.step == 1
    assert _distance(before.generator, after.generator) > 0.0
    for name in ("global", "regional"):
        assert _distance(before.discriminators[name], after.discriminators[name]) > 0.0
    assert all(np.isfinite(value) for value in metrics.values())
    assert {"generator/cycle", "generator/mask", "discriminator/regional/penalty"} <= metrics.keys()


def test_the_first_average_follows_the_generator_closely(updated):
    (before, _, _), after, _ = updated
    expected = jax.tree.map(lambda old, new: 0.1 * old + 0.9 * new, before.generator, after.generator)
    assert _distance(after.ema, expected) < 1e-6


def test_parts_of_weight_zero_are_left_out():
    config = helpers.tiny_config()
    config.amgan.regional = False
    for name in ("attention", "perceptual", "cycle"):
        config.generator_loss[name] = 0.0
    config.discriminator_loss.source_attributes = 0.0
    before, attention, batch = jax.device_get(_start(config))
    after, metrics = _step(config, (before, attention, batch))
    assert not {"generator/attention", "generator/perceptual", "generator/cycle"} & metrics.keys()
    assert not any("regional" in name for name in metrics)
    assert "discriminator/global/source_attributes" not in metrics
    assert before.discriminators.keys() == after.discriminators.keys() == {"global"}


def test_ganimations_mask_penalties_can_take_the_place_of_the_attention_loss():
    config = helpers.tiny_config()
    config.generator_loss.attention = 0.0
    config.generator_loss.mask_size = config.generator_loss.mask_variation = 1.0
    _, metrics = _step(config, _start(config))
    assert metrics["generator/mask_size"] == metrics["generator/mask"] > 0.0
    assert metrics["generator/mask_variation"] > 0.0


def test_the_identity_loss_is_what_an_edit_to_the_same_values_changes():
    config = helpers.tiny_config()
    config.generator_loss.identity = 1.0
    config.generator.mask, config.generator_loss.attention = "head", 0.0  # with one an attribute, nothing is painted
    start, attention, batch = _start(config)
    _, fresh = _step(config, (start, attention, batch))
    assert fresh["generator/identity"] < 1e-6  # a fresh generator changes nothing
    repaints = lambda path, x: x + 1.0 if "bias" in str(path[-1]) else x  # noqa: E731
    start, attention, batch = _start(config)
    start = start.replace(generator=jax.tree_util.tree_map_with_path(repaints, start.generator))
    _, metrics = _step(config, (start, attention, batch))
    assert metrics["generator/identity"] > 0.05


def test_the_generators_gradient_is_that_of_its_loss():
    config = _config_of_one_loss("cycle", 2.0)
    start = _moved(jax.device_get(_start(config)))
    image, label, target = (jnp.asarray(start[2][name]) for name in ("image", "label", "target"))
    generator = networks.build_generator(config, SCHEMA)

    def edit(params, image, source, target):
        condition = encoding.condition(source, target, SCHEMA.value_counts, config.amgan.condition)
        return generator.apply({"params": params}, image, condition, encoding.changed(source, target)).edited

    def cycle(params):
        edited = edit(params, image, label, target)
        restored = edit(params, edited, target, label)
        return 2.0 * jnp.mean(jnp.abs(image - restored))

    gradient = jax.device_get(jax.jit(jax.grad(cycle))(start[0].generator))
    after, _ = _step(config, start)
    _assert_first_gradient(config, after, gradient)


def test_what_is_not_to_change_is_asked_for_as_it_is_read_and_no_clearer():
    """A fresh generator changes nothing, so nothing that it could change makes the photo read more as it did."""
    config = _config_of_one_loss("global_attributes", 1.0)
    start = jax.device_get(_start(config))
    asked, _ = _step(config, start)
    start[2]["target"] = start[2]["label"]
    kept, metrics = _step(config, start)
    largest = lambda after: max(np.abs(g).max() for g in jax.tree.leaves(after.generator_optimizer[0].mu))  # noqa: E731
    assert largest(kept) < 1e-5 * largest(asked)
    values = encoding.one_hot(jnp.full_like(start[2]["label"], -1), SCHEMA.value_counts)
    network = networks.build_discriminator(config, SCHEMA)
    _, logits = network.apply({"params": kept.discriminators["global"]}, start[2]["image"], values)
    np.testing.assert_allclose(metrics["generator/global_attributes"], np.sum(_entropy(logits)) / 4, rtol=1e-4)


def test_the_cycle_loss_can_see_each_second_example_only():
    config = helpers.tiny_config()
    train_state, attention, batch = _moved(jax.device_get(_start(config)))
    seen = {name: x[[0, 0, 2, 2]] for name, x in batch.items()}
    _, of_seen = _step(config, (train_state, attention, seen))
    config.amgan.cycle_every = 2
    _, of_each_second = _step(config, (train_state, attention, batch))
    np.testing.assert_allclose(of_each_second["generator/cycle"], of_seen["generator/cycle"], rtol=1e-5)


def test_the_outside_loss_is_what_changes_where_the_region_is_not():
    config = _config_of_one_loss("outside", 2.0)
    start = _moved(jax.device_get(_start(config)))
    batch = {name: jnp.asarray(x) for name, x in start[2].items()}
    condition = encoding.condition(batch["label"], batch["target"], SCHEMA.value_counts, config.amgan.condition)
    region = steps.FrozenNetwork(config, SCHEMA, start[1]).guide(batch).edit_region

    def outside(params):
        told = (condition, encoding.changed(batch["label"], batch["target"]))
        edited = networks.build_generator(config, SCHEMA).apply({"params": params}, batch["image"], *told).edited
        return 2.0 * jnp.mean((1.0 - region) * jnp.abs(edited - batch["image"]))

    loss, gradient = jax.jit(jax.value_and_grad(outside))(start[0].generator)
    after, metrics = _step(config, start)
    np.testing.assert_allclose(2.0 * metrics["generator/outside"], loss, rtol=1e-5)
    _assert_first_gradient(config, after, gradient)


def test_the_recolor_loss_looks_at_edits_of_colour_where_nothing_else_is_painted():
    config = _config_of_one_loss("recolor", 3.0)
    config.amgan.recolors = ("color",)
    start = _moved(jax.device_get(_start(config)))
    color, others = SCHEMA.index("color"), [a for a in range(len(SCHEMA.names)) if a != SCHEMA.index("color")]

    def loss(*attributes):
        label, target = start[2]["label"], start[2]["label"].copy()
        target[:, list(attributes)] = (label[:, list(attributes)] + 1) % 2
        return _step(config, (*start[:2], start[2] | {"target": target}))[1]["generator/recolor"]

    assert loss(*others) == 0.0
    batch = {name: jnp.asarray(x) for name, x in start[2].items()}
    target = batch["label"].at[:, color].set((batch["label"][:, color] + 1) % 2)
    condition = encoding.condition(batch["label"], target, SCHEMA.value_counts, config.amgan.condition)
    told = (condition, encoding.changed(batch["label"], target))
    edited = (
        networks.build_generator(config, SCHEMA).apply({"params": start[0].generator}, batch["image"], *told).edited
    )
    region = steps.FrozenNetwork(config, SCHEMA, start[1]).guide(batch | {"target": target}).regions[..., color, None]
    np.testing.assert_allclose(loss(color), losses.recolor(edited, batch["image"], region), rtol=1e-3)
    assert 0.0 < loss(color, *others) != loss(color)


def test_the_preservation_loss_asks_for_what_is_read_off_the_photo_of_all_values_that_stay():
    config = helpers.tiny_config()
    config.data.single = 1.0
    config.generator_loss.preservation = 1.0
    train_state, attention, batch = jax.device_get(_start(config))
    _, metrics = _step(config, (train_state, attention, batch))  # a fresh generator changes nothing
    logits = networks.build_classifier(config, "attention", SCHEMA).apply(attention, batch["image"]).logits
    kept = _entropy(logits)[batch["label"] == batch["target"]]
    assert kept.size == 4 * 4  # of five attributes, one is edited
    np.testing.assert_allclose(metrics["generator/preservation"], np.sum(kept) / 4, rtol=1e-4)
    _, metrics = _step(config, (train_state, attention, batch | {"target": (batch["label"] + 1) % 2}))
    assert metrics["generator/preservation"] == 0.0


def test_an_example_with_unknown_label_and_target_has_no_attribute_loss():
    config = helpers.tiny_config()
    train_state, attention, batch = _start(config)
    unknown = np.full_like(batch["label"], -1)
    nothing = dict.fromkeys(("label", "reference_label", "target"), unknown)
    _, metrics = _step(config, (train_state, attention, batch | nothing))
    for name in ("global/attributes", "regional/attributes", "global/source_attributes", "regional/source_attributes"):
        assert metrics[f"discriminator/{name}"] == 0.0
    for name in ("generator/global_attributes", "generator/regional_attributes"):
        assert metrics[name] == 0.0
    assert metrics["generator/cycle"] < 1e-6  # no edit is asked for, and a fresh generator makes none


def test_discriminators_can_look_at_the_attention_networks_features():
    config = helpers.tiny_config()
    config.discriminator.stages = (0, 2)
    before, attention, batch = jax.device_get(_start(config))
    for params in before.discriminators.values():
        shapes = [p.shape for p in jax.tree.leaves(params)]
        assert (2, 2, 4 * 16, config.discriminator.width) in shapes  # two stages of 8 channels
    after, metrics = _step(config, (before, attention, batch))
    assert _distance(before.generator, after.generator) > 0.0  # through the frozen network
    blind = jax.tree.map(np.zeros_like, attention)
    _, unseen = _step(config, (before, blind, batch))
    for name in ("discriminator/global/critic", "discriminator/regional/critic"):
        assert unseen[name] == 0.0 != metrics[name]


@pytest.mark.parametrize("stages", [(), (0, 2)])
def test_the_values_asked_for_tell_nobody_which_image_is_real(stages):
    config = helpers.tiny_config()
    config.discriminator.stages = stages
    config.discriminator.projection = True
    train_state, attention, batch = _start(config)
    alike = batch | {"reference": batch["image"]}  # and a fresh generator changes nothing
    _, metrics = _step(config, (train_state, attention, alike))
    _, other = _step(config, _start(config))
    for name in ("discriminator/global/critic", "discriminator/regional/critic"):
        assert abs(metrics[name]) < 1e-6 < abs(other[name])


def test_discriminators_learn_to_read_the_sources_values_off_edits():
    config = helpers.tiny_config()
    train_state, attention, batch = jax.device_get(_start(config))
    alike = batch | {"reference": batch["image"], "reference_label": batch["label"]}
    _, metrics = _step(config, (train_state, attention, alike))  # a fresh generator changes nothing
    read, wanted = (metrics[f"discriminator/global/{name}"] for name in ("source_attributes", "attributes"))
    np.testing.assert_allclose(read, wanted, rtol=1e-5)
    # The region's heads know of the attribute in focus only: asked for its source value, they read the same again.
    _, same = _step(config, (train_state, attention, alike | {"target": batch["label"]}))
    read, wanted = (same[f"discriminator/regional/{name}"] for name in ("source_attributes", "attributes"))
    np.testing.assert_allclose(read, wanted, rtol=1e-5)
    assert metrics["discriminator/regional/attributes"] != wanted > 0.0


@pytest.mark.parametrize("single", [0.0, 1.0])
def test_regions_are_where_the_edited_attributes_are_seen(single):
    config = helpers.tiny_config()
    config.data.single = single
    _, attention, batch = _start(config)
    batch = {name: jnp.asarray(x) for name, x in batch.items()}
    guide = steps.FrozenNetwork(config, SCHEMA, attention).guide(batch)
    assert guide.focus_region.shape == guide.edit_region.shape == (4, 32, 32, 1)
    np.testing.assert_array_equal(np.sum(batch["label"] != batch["target"], axis=1) == 1, single == 1.0)
    assert np.array_equal(guide.focus_region, guide.edit_region) == (single == 1.0)
    network = networks.build_classifier(config, "attention", SCHEMA)
    seen = [
        activation_maps(
            attention,
            network.apply(attention, batch[image]).feature_maps[-1],
            batch[label],
            SCHEMA.value_counts,
            (32, 32),
        )
        for image, label in (("image", "label"), ("reference", "target"))
    ]
    np.testing.assert_allclose(guide.regions, np.maximum(*seen), atol=1e-6)
    for b, a in enumerate(batch["focus"]):
        changed = batch["label"][b] != batch["target"][b]
        np.testing.assert_array_equal(guide.focus_region[b, ..., 0], guide.regions[b, ..., a])
        np.testing.assert_array_equal(guide.edit_region[b, ..., 0], guide.regions[b][..., changed].max(axis=-1))
    unedited = batch | {"target": batch["label"]}
    assert not np.any(steps.FrozenNetwork(config, SCHEMA, attention).guide(unedited).edit_region)


def test_a_whole_garments_attribute_is_edited_and_judged_within_each_images_foreground():
    config = helpers.tiny_config()
    config.attention.foreground = 1.0
    config.amgan.whole = SCHEMA.names
    _, attention, batch = _start(config)
    batch = {name: jnp.asarray(x) for name, x in batch.items()}
    guide = steps.FrozenNetwork(config, SCHEMA, attention).guide(batch)
    network = networks.build_classifier(config, "attention", SCHEMA)
    own, references = (jax.nn.sigmoid(network.apply(attention, batch[n]).foreground) for n in ("image", "reference"))
    assert np.abs(own - references).max() > 0.01
    for found in (guide.regions, guide.focus_region, guide.edit_region):
        np.testing.assert_allclose(found, np.broadcast_to(own, found.shape), atol=1e-6)
    np.testing.assert_allclose(guide.reference_region, references, atol=1e-6)


def test_a_whole_garments_attribute_is_painted_on_all_of_the_garment_while_training():
    config = helpers.tiny_config()
    config.attention.foreground = 1.0
    config.amgan.whole = SCHEMA.names
    config.data.single = 1.0
    start, attention, batch = _start(config)
    classification = networks.build_classifier(config, "attention", SCHEMA).apply(attention, batch["image"])
    _, metrics = _step(config, (start, attention, batch))
    foreground = jax.nn.sigmoid(classification.foreground)
    assert foreground.std() > 0.01
    np.testing.assert_allclose(metrics["generator/mask"], foreground.mean(), atol=1e-4)
    assert metrics["generator/attention"] < 1e-6  # which has nothing left to ask for


_ONE_UPDATE = """
import sys, numpy as np, jax
from tests.training import test_steps
from tests import helpers
config = helpers.tiny_config()
config.amgan.n_critic = 2
config.attention.mixup = 0.4
assert jax.device_count() == int(sys.argv[1])
after, metrics = test_steps._step(config, test_steps._moved(test_steps._start(config)))
# The optimizers' moments hold the gradients; the parameters have moved by a warm-up step only.
moments = (after.generator_optimizer, after.discriminator_optimizer, test_steps._classify(config).optimizer)
np.savez(sys.argv[2], *jax.tree.leaves((moments, metrics)))
"""


def test_one_device_and_four_give_the_same_update(tmp_path):
    for devices in (1, 4):
        result = helpers.run("-c", _ONE_UPDATE, devices, tmp_path / f"{devices}.npz", devices=devices)
        assert result.returncode == 0, result.stderr
    one, four = (np.load(tmp_path / f"{devices}.npz") for devices in (1, 4))
    assert len(one.files) > 40
    for name in one.files:
        assert np.abs(one[name] - four[name]).max() <= 2e-3 * np.abs(one[name]).max() + 1e-7


def test_a_classifier_learns_its_batch():
    config = helpers.tiny_config()
    batch = parallel.shard(next(helpers.rendered_source().classifier_batches(config, "attention", 0)), 1)
    step = parallel.map_step(functools.partial(steps.classifier_step, config, "attention", SCHEMA, _LENGTH))
    train_state = parallel.replicate(state.init_classifier(config, "attention", SCHEMA))
    losses = []
    for _ in range(25):
        train_state, metrics = step(train_state, batch)
        losses.append(float(metrics["loss"]))
    assert losses[-1] < 0.7 * losses[0]


def test_mixup_mixes_neighbours_and_their_values_by_the_same_weights():
    config = helpers.tiny_config().attention
    config.mixup = 1.0
    image = jnp.arange(4.0)[:, None, None, None] * jnp.ones((4, 2, 2, 3))
    label = jnp.arange(4)[:, None]
    truth = {"label": label, "foreground": image[..., :1]}
    mixed, ((own_truth, own), (partner_truth, other)) = steps.mixup(config, 7, image, truth)
    for name in truth:
        np.testing.assert_array_equal(own_truth[name], truth[name])
        np.testing.assert_array_equal(partner_truth[name], truth[name][jnp.array([1, 0, 3, 2])])
    assert 0.5 <= own < 1.0 and own + other == 1.0
    np.testing.assert_allclose(mixed, own * image + other * image[jnp.array([1, 0, 3, 2])])
    assert own != steps.mixup(config, 8, image, truth)[1][0][1]
