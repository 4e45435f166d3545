"""The measures, on systems whose scores are known."""

import numpy as np
import pytest

from amgan_jax import arrays, evaluate, garments
from amgan_jax.errors import UserError
from amgan_jax.evaluators import common
from tests import helpers

SCHEMA = garments.SCHEMA
NAMES = ("classification", "edits", "counterfactual")


class _Oracle:
    """Edits by rendering the truth, and reads labels off a memory of what it rendered."""

    schema = SCHEMA

    def __init__(self, split):
        self._nuisance = {image.tobytes(): n for image, n in zip(split.image, split.nuisance, strict=True)}
        self._labels = {image.tobytes(): label for image, label in zip(split.image, split.label, strict=True)}

    def classify(self, image):
        label = np.stack([self._labels[i.tobytes()] for i in image])
        return label, np.ones(label.shape)

    def edit(self, image, source, target):
        nuisance = np.stack([self._nuisance[i.tobytes()] for i in image])
        edited = np.asarray(garments.render_batch(target, nuisance, image.shape[1:3]))
        self._labels |= {i.tobytes(): t for i, t in zip(edited, target, strict=True)}
        before = np.asarray(garments.render_batch(source, nuisance, image.shape[1:3]))
        return edited, np.asarray(garments.true_region(before, edited), np.float32)


class _Idle(_Oracle):
    """Edits nothing."""

    def edit(self, image, source, target):
        return image, np.zeros((*image.shape[:3], 1))


def _figures(editor, batch_size=16, names=NAMES):
    config = helpers.tiny_config()
    config.evaluate.batch_size = batch_size
    context = common.Context(SCHEMA, editor, lambda image: editor.classify(image)[0])
    measures = [measure(context) for measure in common.find_measures(names)]
    batches = helpers.rendered_source().evaluation_batches(config, "test")
    return common.measure(measures, context, batches, config.evaluate.seed)


@pytest.fixture(scope="module")
def oracle():
    return _figures(_Oracle(helpers.rendered_split(2, 24)))


@pytest.fixture(scope="module")
def idle():
    return _figures(_Idle(helpers.rendered_split(2, 24)))


def test_a_perfect_system_scores_one_everywhere(oracle):
    for group in ("edit_accuracy", "preservation", "classifier_accuracy", "evaluator_accuracy"):
        assert {oracle[f"{group}/{name}"] for name in (*SCHEMA.names, "mean")} == {1.0}
    assert oracle["counterfactual/psnr"] > 60.0 and oracle["counterfactual/ssim"] > 0.999
    assert oracle["counterfactual/mask_iou"] == 1.0


def test_a_system_that_does_nothing_preserves_and_edits_nothing(idle):
    for name in (*SCHEMA.names, "mean"):
        assert idle[f"edit_accuracy/{name}"] == 0.0 and idle[f"preservation/{name}"] == 1.0
    assert idle["counterfactual/psnr"] == idle["counterfactual/psnr_unedited"] < 30.0
    assert idle["counterfactual/ssim"] == idle["counterfactual/ssim_unedited"]
    assert idle["counterfactual/mask_iou"] == 0.0


def test_the_batch_size_changes_no_figure(idle):
    other = _figures(_Idle(helpers.rendered_split(2, 24)), batch_size=5)
    assert other.keys() == idle.keys()
    for name, value in idle.items():
        np.testing.assert_allclose(other[name], value, rtol=1e-6)


def test_unknown_labels_are_neither_edited_nor_counted():
    split = helpers.rendered_split(2, 24)
    editor = _Oracle(split)
    context = common.Context(SCHEMA, editor, lambda image: editor.classify(image)[0])
    label = split.label.copy()
    label[:, 1] = -1
    label[:6, 0] = -1
    seen = []

    class _Recorder(common.BaseMeasure):
        def add_edits(self, edits):
            seen.append(edits)

        def result(self):
            return {}

    batch = {"image": split.image, "label": label, "row": np.arange(24), "mask": np.ones(24, bool)}
    common.measure([_Recorder(context)], context, iter([batch]), 0)
    assert {e.attribute: len(e.image) for e in seen} == {0: 18, 2: 24, 3: 24, 4: 24}


def test_counterfactuals_need_rendered_garments():
    source = helpers.rendered_source()
    evaluate.check_measures(helpers.tiny_config(), source)
    rendered = helpers.rendered_split(2, 24)
    photos = {name: arrays.Split(rendered.image, rendered.label) for name in ("train", "validation", "test")}
    with pytest.raises(UserError, match="counterfactual needs rendered garments: leave it out"):
        evaluate.check_measures(helpers.tiny_config(), arrays.ArraySource(SCHEMA, photos))


def test_an_unknown_measure_is_named():
    with pytest.raises(UserError, match="unknown measure 'beauty' in evaluate.measures"):
        common.find_measures(("beauty",))
