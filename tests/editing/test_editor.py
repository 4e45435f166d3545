"""The trained system as functions on arrays."""

import jax
import numpy as np
import pytest

from amgan_jax import garments
from amgan_jax.editing import carry_up, editor
from amgan_jax.models import networks
from amgan_jax.training import losses, state
from amgan_jax.workdir import CLASSIFIERS
from tests import helpers


@pytest.fixture(scope="module")
def system():
    """An editor whose generator changes things, as a trained one does."""
    config = helpers.tiny_config()
    generator = jax.tree.map(lambda p: p + 0.1, state.init_amgan(config, garments.SCHEMA).ema)
    return editor.Editor(config, garments.SCHEMA, generator, _classifiers(config))


def _classifiers(config):
    return {name: state.init_classifier(config, name, garments.SCHEMA).variables for name in CLASSIFIERS}


def test_a_region_keeps_the_change_to_where_the_attribute_is_seen(system):
    split = helpers.rendered_split(2, 24)
    image, source = split.image[:4], split.label[:4]
    target = source.copy()
    target[:, 2] = (source[:, 2] + 1) % 7
    whole, mask = system.edit(image, source, target)
    limited, limited_mask = system.edit(image, source, target, region=1)
    seen = np.maximum(system.activation_maps(image, source), system.activation_maps(whole, target))[..., 1, None]
    assert np.abs(whole - image).mean() > 0.01 and seen.min() < 0.5 < seen.max()
    np.testing.assert_allclose(limited - image, seen * (whole - image), atol=1e-6)
    np.testing.assert_allclose(limited_mask, seen * mask, atol=1e-6)


def _with_foreground(whole_mask, whole=("color",), sees_foreground=True):
    """A system of random networks that knows where the garment is, images, and the values that they have."""
    config = helpers.tiny_config()
    config.attention.foreground = 1.0
    config.amgan.whole = whole
    config.amgan.whole_mask = whole_mask
    config.generator.sees_foreground = sees_foreground
    generator = jax.tree.map(lambda p: p + 0.1, state.init_amgan(config, garments.SCHEMA).ema)
    system = editor.Editor(config, garments.SCHEMA, generator, _classifiers(config))
    split = helpers.rendered_split(2, 24)
    return system, split.image[:4], split.label[:4]


def _next_value(source, *attributes):
    target = source.copy()
    for a in attributes:
        target[:, a] = (source[:, a] + 1) % garments.SCHEMA.value_counts[a]
    return target


def test_the_region_of_a_whole_garments_attribute_is_the_foreground():
    system, image, source = _with_foreground("head")
    target = _next_value(source, 2)
    whole, _ = system.edit(image, source, target)
    limited, _ = system.edit(image, source, target, region=2)
    foreground = system.foreground(image)
    assert foreground.shape == (4, 32, 32, 1) and foreground.max() - foreground.min() > 0.01
    np.testing.assert_allclose(limited - image, foreground * (whole - image), atol=1e-6)


def test_attributes_of_the_whole_garment_paint_all_of_the_foreground_and_others_anywhere():
    (free, image, source), (filled, *_) = _with_foreground("head"), _with_foreground("foreground")
    edits = {
        name: _next_value(source, *asked) for name, asked in {"color": [2], "sleeves": [0], "both": [0, 2]}.items()
    }
    masks = {name: [s.edit(image, source, target)[1] for s in (free, filled)] for name, target in edits.items()}
    foreground = free.foreground(image)
    np.testing.assert_allclose(masks["color"][1], foreground, atol=1e-6)
    np.testing.assert_array_equal(*masks["sleeves"])
    assert np.all(masks["both"][1] >= foreground - 1e-6) and np.any(masks["both"][1] > foreground + 0.01)


@pytest.mark.parametrize("sees", [False, True])
def test_a_generator_is_told_the_foreground_where_it_is_to_see_it(sees):
    system, image, source = _with_foreground("head", whole=(), sees_foreground=sees)
    target = _next_value(source, 2)
    before, _ = system.edit(image, source, target)
    head = system.classifiers["attention"]["params"]["foreground"]
    system.classifiers["attention"]["params"]["foreground"] = jax.tree.map(lambda x: -x, head)
    after, _ = system.edit(image, source, target)
    assert (np.abs(after - before).max() > 1e-3) == sees


def test_a_system_without_the_head_knows_no_foreground(system):
    assert system.foreground(helpers.rendered_split(2, 24).image) is None


def test_one_after_another_is_a_pass_an_attribute(system):
    split = helpers.rendered_split(2, 24)
    image, source = split.image[:4], split.label[:4]
    target = source.copy()
    target[1:, 2] = (source[1:, 2] + 1) % 7  # of the first image nothing is asked,
    target[2:, 4] = (source[2:, 4] + 1) % 3  # of the last two two values
    assert len(editor.split_edit(source, target, ())) == 1
    np.testing.assert_array_equal(editor.split_edit(source, target, ())[0], target)
    first, second = editor.split_edit(source, target, (2,))
    np.testing.assert_array_equal(first[:, 2], target[:, 2])
    np.testing.assert_array_equal(first[:, 4], source[:, 4])
    np.testing.assert_array_equal(second, target)
    once, mask = system.edit(image, source, target, in_turn=())
    in_turn, in_turn_mask = system.edit(image, source, target, in_turn=(2,))
    half, _ = system.edit(image, source, first, in_turn=())
    rest, _ = system.edit(half, first, target, in_turn=())
    np.testing.assert_allclose(in_turn, rest, atol=1e-6)
    np.testing.assert_array_equal(once[:2], in_turn[:2])
    np.testing.assert_array_equal(once[0], image[0])
    assert not mask[0].any() and np.all(in_turn_mask >= 0.0) and np.all(in_turn_mask <= 1.0)
    assert np.abs(once[2:] - in_turn[2:]).max() > 1e-3


def test_an_unknown_value_is_not_edited():
    source, target = np.array([[0, -1, 2]]), np.array([[-1, 1, 2]])
    assert editor.split_edit(source, target, ()) == []
    np.testing.assert_array_equal(editor.split_edit(source, np.array([[1, 1, -1]]), (1,)), [[[1, -1, 2]]])


def test_the_config_says_what_is_edited_in_turn(system):
    split = helpers.rendered_split(2, 24)
    image, source = split.image[:2], split.label[:2]
    target = (source + 1) % garments.SCHEMA.value_counts
    config = helpers.tiny_config()
    config.edit.in_turn = (5,)
    other = editor.Editor(config, garments.SCHEMA, system.generator, system.classifiers)
    np.testing.assert_array_equal(
        other.edit(image, source, target)[0], system.edit(image, source, target, in_turn=(5,))[0]
    )
    assert not np.array_equal(other.edit(image, source, target)[0], system.edit(image, source, target)[0])


def test_a_new_colour_is_one_function_of_the_old_ones_where_the_config_says_so(system):
    split = helpers.rendered_split(2, 24)
    image, source = split.image[:2], split.label[:2]
    color, sleeve = source.copy(), source.copy()
    color[:, 2] = (source[:, 2] + 1) % 7
    sleeve[:, 0] = (source[:, 0] + 1) % 3
    config = helpers.tiny_config()
    config.amgan.recolors = ("color",)
    misses = []
    for config.edit.even in (False, True):
        other = editor.Editor(config, garments.SCHEMA, system.generator, system.classifiers)
        np.testing.assert_array_equal(other.edit(image, source, sleeve)[0], system.edit(image, source, sleeve)[0])
        edited, mask = other.edit(image, source, color)
        paint = (edited - image) / mask  # a mask of untrained networks is shut nowhere
        free = np.abs(image + paint).max(axis=-1, keepdims=True) < 0.99  # not cut at black or white
        misses.append(np.sqrt(losses.recolor(paint, image, free.astype(np.float32))))
    assert misses[1] < 0.1 * misses[0]


def test_classify_reads_each_attribute_within_its_values(system):
    label, confidence = system.classify(helpers.rendered_split(2, 24).image)
    assert label.shape == confidence.shape == (24, 5)
    assert (label >= 0).all() and (label < np.array(garments.SCHEMA.value_counts)).all()
    assert (confidence >= 1.0 / np.array(garments.SCHEMA.value_counts)).all() and (confidence <= 1.0).all()


def test_classify_pools_both_classifiers_each_at_its_own_size():
    config = helpers.tiny_config()
    config.evaluator.scale = 2
    classifiers = _classifiers(config)
    large = np.repeat(np.repeat(helpers.rendered_split(2, 24).image, 2, axis=1), 2, axis=2)
    seen = {"attention": jax.image.resize(large, (24, 32, 32, 3), "linear", antialias=True), "evaluator": large}
    color = slice(7, 14)  # of the values of all attributes, after three sleeve lengths and four collars
    probability = 0.0
    for name, variables in classifiers.items():
        network = networks.build_classifier(config, name, garments.SCHEMA)
        probability += 0.5 * jax.nn.softmax(network.apply(variables, seen[name]).logits[:, color], axis=-1)
    system = editor.Editor(config, garments.SCHEMA, None, classifiers)
    assert system.image_size == large.shape[1:3]
    label, confidence = system.classify(large)
    np.testing.assert_array_equal(label[:, 2], np.argmax(probability, axis=-1))
    np.testing.assert_allclose(confidence[:, 2], np.max(probability, axis=-1), atol=1e-5)


def test_a_larger_image_is_changed_as_the_networks_see_it_and_keeps_its_detail(system):
    split = helpers.rendered_split(2, 24)
    small, source = split.image[:4] * 0.5, split.label[:4]  # far from black and white, where changes are cut
    target = source.copy()
    target[:3, 2] = (source[:3, 2] + 1) % 7  # of the last nothing is asked
    detail = 0.05 * np.tile(np.array([[1.0, -1.0], [-1.0, 1.0]], np.float32), (32, 32))[None, :, :, None]
    large = np.repeat(np.repeat(small, 2, axis=1), 2, axis=2) + detail  # which the networks do not see
    smooth = np.asarray(jax.image.resize(large, small.shape, "linear", antialias=True))
    edited, mask = system.edit(large, source, target)
    small_edited, small_mask = system.edit(smooth, source, target)
    assert edited.shape == large.shape and mask.shape == (4, 64, 64, 1)
    np.testing.assert_array_equal(edited[3], large[3])
    for i in range(3):
        affine = carry_up.fit(smooth[i], small_edited[i] - smooth[i], small_mask[i])
        carried = carry_up.apply(affine, _levels(large[i]))
        np.testing.assert_allclose(_levels(edited[i]), carried, atol=1)
    assert np.abs(edited - large)[:3].mean() > 0.01
    np.testing.assert_allclose(mask.mean(), small_mask.mean(), rtol=0.05)
    np.testing.assert_array_equal(system.classify(large)[0], system.classify(smooth)[0])
    assert system.activation_maps(large, source).shape == (4, 64, 64, 5)


def _levels(image):
    return np.round((image + 1.0) * 127.5).astype(np.uint8)
