"""The networks."""

import jax
import jax.numpy as jnp
from ml_collections import config_dict
import numpy as np
import pytest

from amgan_jax.models import classifiers, discriminator, generator, layers, networks
from amgan_jax.models.activation_maps import activation_maps

COUNTS = (2, 3)
IMAGE = np.random.default_rng(0).uniform(-1, 1, (2, 16, 12, 3)).astype(np.float32)
FOREGROUND = np.random.default_rng(1).uniform(-0.5, 1.0, (2, 16, 12, 1)).clip(0.0).astype(np.float32)  # 0 in places


def _generator(**changes):
    settings = {
        "width": 4, "blocks": 1, "first_kernel": 3, "head_kernel": 3, "skips": True, "mask": "head", "mask_bias": 0.0,
        "whole": (False, False), "sees_foreground": False,
    }  # fmt: skip
    return generator.Generator(**(settings | changes))


def _told(seed=0, changed=((1.0, 0.0), (1.0, 1.0))):
    """A condition, and what changes."""
    return np.random.default_rng(seed).normal(size=(2, 5)).astype(np.float32), np.array(changed, np.float32)


def test_the_schedule_counts_steps_and_not_their_updates():
    once = _rates(18 // 3, decay=0.5)
    assert len(set(once)) > 3
    np.testing.assert_allclose(_rates(18, decay=0.5, repeats=3), np.repeat(once, 3), rtol=1e-6)


@pytest.mark.parametrize("decay", [0.1, 0.5, 1.0])
def test_the_schedule_ends_at_zero_even_where_the_decay_is_as_long_as_the_training(decay):
    rates = _rates(7, decay)
    assert rates[2] > 0.9 and rates[5] > 0.0 and rates[6] == 0.0


def _rates(count, decay, repeats=1):
    """The learning rates of so many updates of a training of six steps."""
    settings = {"learning_rate": 1.0, "b1": 0.0, "b2": 0.0, "weight_decay": 0.0, "decay": decay}
    optimizer = networks.build_optimizer(config_dict.ConfigDict(settings), networks.Length(6, 2), repeats)
    moments, sizes = optimizer.init(jnp.zeros(())), []
    for _ in range(count):  # Adam without moments moves by the learning rate
        change, moments = optimizer.update(jnp.ones(()), moments, jnp.zeros(()))
        sizes.append(-float(change))
    return np.array(sizes)


def test_a_fresh_generator_changes_nothing():
    edited, mask, _ = _generator().init_with_output(jax.random.key(0), IMAGE, *_told())[0]
    np.testing.assert_allclose(edited, IMAGE, atol=1e-6)
    assert mask.shape == (2, 16, 12, 1) and mask.min() >= 0.0 and mask.max() <= 1.0


def _trained_like(module, *inputs):
    """Random parameters everywhere, as if trained."""
    variables = module.init(jax.random.key(0), *inputs)
    leaves, treedef = jax.tree.flatten(variables)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    noisy = [leaf + 0.3 * jax.random.normal(key, leaf.shape) for leaf, key in zip(leaves, keys, strict=True)]
    return jax.tree.unflatten(treedef, noisy)


def test_edited_is_mixed_by_the_mask():
    """Where a huge bias closes the mask nothing changes; the same network with an open mask repaints."""
    closed, opened = _generator(mask_bias=-50.0), _generator(mask_bias=50.0)
    variables = _trained_like(closed, IMAGE, *_told())
    np.testing.assert_allclose(closed.apply(variables, IMAGE, *_told())[0], IMAGE, atol=1e-6)
    assert np.abs(opened.apply(variables, IMAGE, *_told())[0] - IMAGE).mean() > 0.05


@pytest.mark.parametrize("end", [-1.0, 1.0])
def test_a_colour_beyond_black_or_white_is_that_and_can_only_come_back(end):
    module, image = _generator(mask="none"), end * np.ones_like(IMAGE)

    def mean_colour(bias):
        variables = module.init(jax.random.key(0), image, *_told())
        heads = [leaf for leaf in jax.tree.leaves(variables) if leaf.shape == (3,)]  # the colour head's bias
        assert len(heads) == 1
        variables = jax.tree.map(lambda leaf: leaf + bias if leaf is heads[0] else leaf, variables)
        edited = module.apply(variables, image, *_told()).edited
        return jnp.mean(edited), edited

    def distance_to_grey(bias):
        return end * mean_colour(bias)[0]

    np.testing.assert_array_equal(mean_colour(end * 0.5)[1], image)
    back = jax.grad(distance_to_grey)(end * 0.5)
    np.testing.assert_allclose(back, end * 2.0 / np.cosh(0.5) ** 2, rtol=1e-5)  # that of 2 tanh
    assert jax.grad(lambda bias: -distance_to_grey(bias))(end * 0.5) == 0.0


def test_the_condition_matters():
    module = _generator()
    variables = _trained_like(module, IMAGE, *_told())
    first, second = (module.apply(variables, IMAGE, *_told(seed))[0] for seed in (0, 1))
    assert np.abs(first - second).mean() > 0.01


@pytest.mark.parametrize("mask", ["attributes", "network"])
def test_the_foreground_matters_to_a_generator_that_sees_it(mask):
    for sees in (False, True):
        module = _generator(mask=mask, sees_foreground=sees)
        variables = _trained_like(module, IMAGE, *_told())
        known, other, half = FOREGROUND, 1.0 - FOREGROUND, np.full_like(FOREGROUND, 0.5)
        first, second, third = (module.apply(variables, IMAGE, *_told(), given) for given in (known, other, half))
        assert (np.abs(first.edited - second.edited).mean() > 0.01) == sees
        assert (np.abs(first.mask - second.mask).mean() > 0.01) == sees
        np.testing.assert_allclose(module.apply(variables, IMAGE, *_told()).edited, third.edited, atol=1e-6)


def test_a_generator_without_mask_repaints_everything():
    module = _generator(mask="none")
    (edited, mask, _), variables = module.init_with_output(jax.random.key(0), IMAGE, *_told())
    assert edited.shape == IMAGE.shape and np.all(mask == 1.0)
    assert jax.tree.structure(variables) != jax.tree.structure(_generator().init(jax.random.key(0), IMAGE, *_told()))


def test_a_mask_network_leaves_the_colour_network_alone():
    """SaGAN's two networks: the mask's logit does not depend on what the colour head sees."""
    module = _generator(mask="network")
    variables = _trained_like(module, IMAGE, *_told())
    other_colours = jax.tree.map(jnp.copy, variables)
    first = other_colours["params"]["Conv_0"]["Conv_0"]  # of the colour network
    first["kernel"] = jnp.roll(first["kernel"], 1, axis=2)
    (edited, mask, _), (other, same, _) = (module.apply(v, IMAGE, *_told()) for v in (variables, other_colours))
    np.testing.assert_array_equal(mask, same)
    assert np.abs(edited - other).max() > 1e-3


def test_masks_of_attributes_paint_together_where_several_change():
    module = _generator(mask="attributes")
    inputs = (IMAGE, *_told())
    edited, mask, masks = module.apply(_trained_like(module, *inputs), *inputs)
    assert masks.shape == (2, 16, 12, 2) and np.ptp(masks) > 0.1
    np.testing.assert_allclose(mask[0], masks[0, ..., :1], atol=1e-6)  # of the first image one attribute changes
    first, second = masks[1, ..., :1], masks[1, ..., 1:]
    np.testing.assert_allclose(mask[1], first + second - first * second, atol=1e-6)
    nothing = module.apply(_trained_like(module, *inputs), IMAGE, *_told(changed=np.zeros((2, 2))))
    np.testing.assert_array_equal(nothing.edited, IMAGE)
    assert not nothing.mask.any()


def test_the_mask_of_a_whole_garments_attribute_is_the_foreground_where_that_is_told():
    module = _generator(mask="attributes", whole=(True, False))
    inputs = (IMAGE, *_told())
    variables = _trained_like(module, *inputs)
    learnt, told = module.apply(variables, *inputs), module.apply(variables, *inputs, FOREGROUND)
    np.testing.assert_array_equal(told.masks, np.concatenate([FOREGROUND, learnt.masks[..., 1:]], axis=-1))
    np.testing.assert_allclose(told.mask[0], FOREGROUND[0], atol=1e-6)  # of the first image one attribute changes
    np.testing.assert_array_equal(told.edited[0][FOREGROUND[0, ..., 0] == 0.0], IMAGE[0][FOREGROUND[0, ..., 0] == 0.0])


def test_bfloat16_keeps_float32_parameters_and_nearly_the_same_result():
    low = _generator(dtype=jnp.bfloat16)
    variables = _trained_like(_generator(), IMAGE, *_told())
    assert {leaf.dtype for leaf in jax.tree.leaves(low.init(jax.random.key(0), IMAGE, *_told()))} == {
        jnp.dtype("float32")
    }
    exact, rounded = (m.apply(variables, IMAGE, *_told())[0] for m in (_generator(), low))
    assert rounded.dtype == jnp.float32
    assert 0.0 < np.abs(exact - rounded).mean() < 0.05


def test_fresh_upsampling_has_no_checkerboard():
    module = layers.SubPixelUpsample(3)
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 2)).astype(np.float32)
    up = np.asarray(module.init_with_output(jax.random.key(0), x)[0])
    assert up.shape == (1, 8, 8, 3)
    blocks = up.reshape(1, 4, 2, 4, 2, 3)
    assert np.abs(blocks - blocks[:, :, :1, :, :1]).max() == 0.0


def test_downsampling_sees_four_by_four_pixels():
    module = layers.Downsample(1)
    x = np.zeros((1, 8, 8, 1), np.float32)
    variables = module.init(jax.random.key(0), x)
    gradient = jax.grad(lambda x: module.apply(variables, x)[0, 1, 1, 0])(x)
    assert gradient.shape == (1, 8, 8, 1) and np.count_nonzero(gradient) == 16


def test_discriminator_scores_patches_and_reads_attributes():
    module = discriminator.Discriminator(width=4, layers=2, projection=False, value_count=5)
    scores, logits = module.init_with_output(jax.random.key(0), IMAGE, np.zeros((2, 5)))[0]
    assert scores.shape == (2, 4, 3, 1) and logits.shape == (2, 5)


@pytest.mark.parametrize("projection", [False, True])
def test_only_with_projection_the_score_depends_on_the_values_asked_for(projection):
    module = discriminator.Discriminator(width=4, layers=2, projection=projection, value_count=5)
    nothing, values = np.zeros((2, 5)), np.eye(5)[[1, 4]]
    (unasked, _), variables = module.init_with_output(jax.random.key(0), IMAGE, nothing)
    asked, _ = module.apply(variables, IMAGE, values)
    per_example = np.ptp(asked - unasked, axis=(1, 2, 3))
    np.testing.assert_allclose(per_example, 0.0, atol=1e-5)  # the same for all patches
    assert np.all((asked != unasked) == projection)


def test_stacked_stages_are_as_large_as_the_first_and_of_unit_length():
    fine, coarse = (np.random.default_rng(0).normal(size=shape) for shape in ((2, 8, 6, 5), (2, 4, 3, 7)))
    stacked = classifiers.stack([fine, None, coarse], (0, 2))
    assert stacked.shape == (2, 8, 6, 12)
    np.testing.assert_allclose(np.sum(np.square(stacked[..., :5]), axis=-1), 1.0, atol=1e-4)
    direction = coarse / np.linalg.norm(coarse, axis=-1, keepdims=True)
    np.testing.assert_allclose(stacked[:, 0, 0, 5:], direction[:, 0, 0], atol=1e-4)  # corners are no mixture
    np.testing.assert_allclose(classifiers.stack([100.0 * fine, None, 0.1 * coarse], (0, 2)), stacked, atol=1e-3)


def test_activation_map_of_a_network_whose_answer_is_known():
    # Channel 0 is lit at the top left, channel 1 at the bottom right; the head reads value
    # "0 of attribute 0" off channel 0 and "2 of attribute 1" off channel 1, against the rest.
    feature = np.zeros((1, 4, 4, 2), np.float32)
    feature[0, 0, 0, 0], feature[0, 3, 3, 1] = 2.0, 5.0
    head = np.full((2, 5), -1.0, np.float32)
    head[0, 0], head[1, 4] = 3.0, 1.0
    variables = {"params": {"head": {"kernel": jnp.asarray(head)}}}
    maps = activation_maps(variables, feature, np.array([[0, 2]]), COUNTS, (4, 4))
    expected = np.zeros((4, 4, 2))
    expected[0, 0, 0], expected[3, 3, 1] = 1.0, 1.0
    np.testing.assert_allclose(maps[0], expected, atol=1e-6)
    unseen = activation_maps(variables, feature, np.array([[1, -1]]), COUNTS, (8, 8))
    assert unseen.shape == (1, 8, 8, 2) and not np.any(unseen)


@pytest.mark.parametrize(
    "module",
    [
        classifiers.ResNet(COUNTS, widths=(4, 8), strides=(1, 2), stem_stride=2),
        classifiers.PlainConvNet(COUNTS, widths=(4, 8), hidden=8),
    ],
)
def test_classifiers_use_running_averages_when_not_training(module):
    variables = module.init(jax.random.key(0), IMAGE)
    output = module.apply(variables, IMAGE)
    assert output.logits.shape == (2, 5) and output.feature_maps[-1].shape == (2, 4, 3, 8)
    alone = module.apply(variables, IMAGE[:1]).logits
    np.testing.assert_allclose(alone, output.logits[:1], rtol=1e-4, atol=1e-5)
    _, updated = module.apply(variables, IMAGE, train=True, mutable=["batch_stats"])
    moved = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), variables["batch_stats"], updated["batch_stats"])
    assert max(jax.tree.leaves(moved)) > 0.0
