"""The measures, on systems whose scores are known."""

import dataclasses

import numpy as np
import pytest

from amgan_jax import experiment, garments, measures
from amgan_jax.editing import editor as editor_lib
from amgan_jax.editing import photos
from amgan_jax.errors import UserError
from amgan_jax.input import arrays
from amgan_jax.input.source import Queries
from amgan_jax.measures import contract, driver, feed, foreground, frechet, full_size, intervals
from amgan_jax.schema import UNKNOWN, Schema
from tests import helpers

SCHEMA = garments.SCHEMA
NAMES = ("classification", "edits", "edits_by_count", "retrieval", "frechet", "perceptual", "counterfactual")


class _Oracle:
    """Edits by rendering the truth, and reads labels off a memory of what it rendered."""

    schema = SCHEMA

    def __init__(self, split):
        self._nuisance = {image.tobytes(): n for image, n in zip(split.image, split.nuisance, strict=True)}
        self._labels = {image.tobytes(): label for image, label in zip(split.image, split.label, strict=True)}

    def classify(self, image, readers=None):
        label = np.stack([self._labels[i.tobytes()] for i in image])
        return label, np.ones(label.shape)

    def edit(self, image, source, target, in_turn=None):
        nuisance = np.stack([self._nuisance[i.tobytes()] for i in image])
        edited = np.asarray(garments.render_batch(target, nuisance, image.shape[1:3]))
        self._labels |= {i.tobytes(): t for i, t in zip(edited, target, strict=True)}
        before = np.asarray(garments.render_batch(source, nuisance, image.shape[1:3]))
        return edited, np.asarray(garments.true_region(before, edited), np.float32)


def _judge(editor):
    """Reads labels as the editor does; its features are the label's values and the picture."""

    def judge(image):
        label, _ = editor.classify(image)
        planes = np.concatenate([np.eye(n)[label[:, a]] for a, n in enumerate(SCHEMA.value_counts)], axis=-1)
        return contract.Reading(label, planes, [image])

    return judge


class _Idle(_Oracle):
    """Edits nothing."""

    def edit(self, image, source, target, in_turn=None):
        return image, np.zeros((*image.shape[:3], 1))


def _figures(editor, batch_size=16, names=NAMES, source=None):
    config = helpers.tiny_config()
    config.evaluate.batch_size = batch_size
    source = source or helpers.rendered_source()
    figures = driver.measure(config, source, "test", editor, _judge(editor), names).figures
    return {name: figure.value for name, figure in figures.items()}


def test_no_edit_is_made_that_no_measure_takes():
    class _Reader(_Oracle):
        def edit(self, image, source, target, in_turn=None):
            raise AssertionError("nothing is to be edited")

    assert "classifier_accuracy/mean" in _figures(_Reader(helpers.rendered_split(2, 24)), names=("classification",))


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


class _Forgetful(_Oracle):
    """Makes the first of the edits that are asked for at once, and of an edit of one attribute that one."""

    def edit(self, image, source, target, in_turn=None):
        first = editor_lib.split_edit(source, target, in_turn=range(1, 6))[0]
        return super().edit(image, source, target if in_turn else first)


def test_edits_of_several_attributes_are_right_where_all_are():
    figures = _figures(_Forgetful(helpers.rendered_split(2, 24)), names=("edits_by_count",))
    for count in range(1, 6):
        np.testing.assert_allclose(figures[f"edits/k{count}/each"], 1.0 / count)
        assert figures[f"edits/k{count}/all"] == figures[f"edits/k{count}/exact"] == (count == 1)
        assert figures.get(f"edits/k{count}/preserved", 1.0) == 1.0
        assert figures[f"edits/k{count}/psnr"] >= figures[f"edits/k{count}/psnr_unedited"]
    for count in range(2, 6):  # which this system can do one after another
        assert figures[f"edits/k{count}/in_turn/exact"] == 1.0
        assert figures[f"edits/k{count}/in_turn/psnr"] > figures[f"edits/k{count}/psnr"]
    assert "edits/k5/preserved" not in figures and "edits/k6/all" not in figures


def test_an_exact_edit_changes_no_other_value_even_one_that_was_misread():
    split = helpers.rendered_split(2, 24)
    oracle = _Oracle(split)
    misread = oracle.classify(split.image)[0]
    misread[:, 0] = (misread[:, 0] + 1) % 3
    images = contract.Images(
        split.image, np.arange(24), split.label, split.label, contract.Reading(misread, None, None), None
    )
    target = split.label.copy()
    target[:, 2] = (target[:, 2] + 1) % 7
    measure = contract.find_measures(("edits_by_count",))[0](contract.Context(SCHEMA, oracle, None))
    rightly_now = contract.Edits(
        images, split.image, None, target, target != split.label, contract.Reading(target, None, None)
    )
    as_before = rightly_now._replace(
        reading=contract.Reading(np.where(target != split.label, target, misread), None, None)
    )
    measure.add_sets(1, rightly_now, rightly_now)
    measure.add_sets(2, as_before, as_before)
    figures = measure.result()
    assert (figures["edits/k1/exact"].value, figures["edits/k2/exact"].value) == (0.0, 1.0)
    assert (figures["edits/k1/preserved"].value, figures["edits/k2/preserved"].value) == (1.0, 0.75)


def test_the_editor_is_told_to_edit_in_turn_where_validation_shows_it_better():
    config = helpers.tiny_config()
    split = helpers.rendered_split(1, 16)
    for system, best in ((_Forgetful(split), (2, 3, 4, 5)), (_Oracle(split), ())):
        settled = driver.settle(config, helpers.rendered_source(), system, _judge(system))
        assert settled.edit.in_turn == best and config.edit.in_turn is None
    config.edit.in_turn = (3,)
    assert driver.settle(config, None, None, None).edit.in_turn == (3,)


def test_the_batch_size_changes_no_figure(idle):
    other = _figures(_Idle(helpers.rendered_split(2, 24)), batch_size=5)
    assert other.keys() == idle.keys()
    for name, value in idle.items():
        np.testing.assert_allclose(other[name], value, rtol=1e-6)


def test_unknown_labels_are_neither_edited_nor_counted():
    split = helpers.rendered_split(2, 24)
    editor = _Oracle(split)
    context = contract.Context(SCHEMA, editor, _judge(editor))
    label = split.label.copy()
    label[:, 1] = -1
    label[:6, 0] = -1
    seen = []

    class _Recorder(contract.BaseMeasure):
        def add_edits(self, edits):
            seen.append(edits)

        def result(self):
            return {}

    batch = {"image": split.image, "label": label, "row": np.arange(24), "valid": np.ones(24, bool)}
    feed.feed([_Recorder(context)], context, iter([batch]), 0)
    assert {e.attribute: len(e.edited) for e in seen} == {0: 18, 2: 24, 3: 24, 4: 24}


@pytest.mark.parametrize("read_source", [False, True])
def test_edits_start_from_the_labels_or_from_what_is_read(read_source):
    split, asked = helpers.rendered_split(2, 24), []

    class _Misreader(_Idle):
        def classify(self, image, readers=None):
            label, confidence = super().classify(image, readers)
            label[:, 2] = 1 - label[:, 2] % 2  # another colour than the true one
            return label, confidence

        def edit(self, image, source, target, in_turn=None):
            asked.append((source, target))
            return super().edit(image, source, target)

    context = contract.Context(SCHEMA, _Misreader(split), _judge(_Idle(split)), read_source=read_source)
    batch = {"image": split.image, "label": split.label, "row": np.arange(24), "valid": np.ones(24, bool)}
    measures = [measure(context) for measure in contract.find_measures(("edits",))]
    feed.feed(measures, context, iter([batch]), 0)
    read = split.label.copy()
    read[:, 2] = 1 - read[:, 2] % 2
    assert len(asked) == len(SCHEMA.names)
    for attribute, (source, target) in enumerate(asked):
        np.testing.assert_array_equal(source, read if read_source else split.label)
        np.testing.assert_array_equal(np.delete(source != target, attribute, axis=1), False)
        assert np.all(target[:, attribute] != split.label[:, attribute])


class _Shrinker:
    """Its edits are the truth at 4 or 8 times the size, made small; remembers what it was asked for."""

    def __init__(self, nuisance):
        self._nuisance, self.asked = nuisance, []

    def edit(self, image, source, target):
        self.asked.append((source, target))
        opened = np.ones_like(image[..., :1])
        for factor in (4, 8):
            before, after = (self._render(label, factor, image.shape[1:3]) for label in (source, target))
            if np.array_equal(before, image):
                return after, opened
        return image, opened  # which was not made of the source

    def _render(self, label, factor, size):
        large = garments.render_batch(label, self._nuisance[: len(label)], (factor * size[0], factor * size[1]))
        pixels = np.round((np.asarray(large) + 1.0) * 127.5).astype(np.uint8)
        return np.stack([photos.letterbox(photos.Photo(p, None), *size).image for p in pixels])


def _full_size(monkeypatch, editor, source=None):
    """Figures of recolouring the first 3 of 4 garments."""
    monkeypatch.setattr(full_size, "_GARMENTS", 3)
    split = helpers.rendered_split(2, 24)
    image, label, nuisance = split.image[:4], split.label[:4], split.nuisance[:4]
    target = label.copy()
    target[:, 2] = (label[:, 2] + 1) % 7
    images = contract.Images(image, np.arange(4), label, label if source is None else source, None, nuisance)
    measure = full_size.Measure(contract.Context(SCHEMA, editor, None))
    measure.add_images(images)
    edits = contract.Edits(images, image, image[..., :1], target, target != label, None)
    measure.add_edits(edits)
    measure.add_images(images._replace(row=np.arange(4, 8)))  # of which none counts
    measure.add_edits(edits._replace(images=images._replace(row=np.arange(4, 8))))
    return {name: figure.value for name, figure in measure.result().items()}, target


def test_at_full_size_a_perfect_edit_is_nearer_to_the_truth_than_its_bilinear_change(monkeypatch):
    editor = _Shrinker(helpers.rendered_split(2, 24).nuisance)
    figures, target = _full_size(monkeypatch, editor)
    for factor in ("x4", "x8"):
        assert figures[f"full_size/{factor}/psnr"] > figures[f"full_size/{factor}/psnr_bilinear"] + 2.0 > 22.0
        for name in ("psnr", "psnr_bilinear"):
            assert figures[f"full_size/{factor}/{name}/color"] == figures[f"full_size/{factor}/{name}"]
    assert len(editor.asked) == 2
    np.testing.assert_array_equal([asked for _, asked in editor.asked], [target[:3]] * 2)


def test_at_full_size_a_picture_left_alone_is_as_far_from_the_truth_as_its_source(monkeypatch):
    split = helpers.rendered_split(2, 24)
    figures, target = _full_size(monkeypatch, _Idle(split))
    sizes = {"x4": (128, 128), "x8": (256, 256)}
    for factor, size in sizes.items():
        before, after = (
            np.asarray(garments.render_batch(x[:3], split.nuisance[:3], size)) for x in (split.label, target)
        )
        error = np.mean((before - after) ** 2, axis=(1, 2, 3))
        for name in ("psnr", "psnr_bilinear"):
            np.testing.assert_allclose(
                figures[f"full_size/{factor}/{name}"], np.mean(10 * np.log10(4 / error)), atol=0.05
            )


def test_at_full_size_what_stays_is_asked_for_as_it_was_read(monkeypatch):
    split = helpers.rendered_split(2, 24)
    read = split.label[:4].copy()
    read[:, 0] = (read[:, 0] + 1) % 3
    editor = _Shrinker(split.nuisance)
    _, target = _full_size(monkeypatch, editor, read)
    for source, asked in editor.asked:
        np.testing.assert_array_equal(source, read[:3])
        np.testing.assert_array_equal(asked[:, 0], read[:3, 0])
        np.testing.assert_array_equal(asked[:, 1:], target[:3, 1:])


def test_counterfactuals_need_rendered_garments(tmp_path):
    config = helpers.tiny_config()
    driver.check_measures(config, helpers.rendered_source(), "validation")
    rendered = helpers.rendered_split(2, 24)
    photos = {name: arrays.Split(rendered.image, rendered.label) for name in ("train", "validation", "test")}
    for refuses in (experiment.train, driver.evaluate):
        with pytest.raises(UserError, match="counterfactual needs rendered garments: leave it out"):
            refuses(config, arrays.ArraySource(SCHEMA, photos), tmp_path / "w")
    assert not (tmp_path / "w").exists()


def test_an_unknown_measure_is_named():
    with pytest.raises(UserError, match="unknown measure 'beauty' in config.evaluate"):
        contract.find_measures(("beauty",))


def test_retrieval_counts_only_edits_whose_label_some_image_has():
    """Two attributes of two values; of the four labels one has no image."""
    schema = Schema.from_values({"color": ("red", "blue"), "fastening": ("none", "zip")})
    label = np.array([[0, 0], [1, 0], [0, 1]], np.int32)
    features = np.eye(3)[:, :2] + 0.1  # 0 and 1 are apart, 2 is nearest to both
    measure = contract.find_measures(("retrieval",))[0](contract.Context(schema, None, None))
    images = contract.Images(
        np.zeros((3, 4, 4, 3)), np.arange(3), label, label, contract.Reading(label, features, []), None
    )
    measure.add_images(images)
    target = np.array([[1, 0], [0, 0], [1, 1]], np.int32)  # of edits of color; the last has no image
    reading = contract.Reading(target, features[[1, 1, 0]], [])
    asked = np.array([[True, False]] * 3)
    edits = contract.Edits(images, images.image, images.image[..., :1], target, asked, reading)
    measure.add_edits(edits)
    figures = measure.result()
    # The first edit lands on image 1, which has its label; the second on its own source, which is left out.
    assert figures["retrieval/top_1"].value == 0.5
    assert figures["retrieval/top_10"].value == 1.0
    # A label that only the source has is one that no other image has.
    measure.add_edits(edits._replace(target=label))
    assert measure.result() == figures


@pytest.mark.parametrize("count", [20, 100])
def test_the_nearest_are_those_of_a_full_sort(count):
    """Of fewer images than are looked at, and of more."""
    rng = np.random.default_rng(0)
    schema = Schema.from_values({"color": [f"c{i}" for i in range(8)]})
    label = np.arange(count, dtype=np.int32)[:, None] % 8
    features, landed = rng.normal(size=(2, count, 4))
    measure = contract.find_measures(("retrieval",))[0](contract.Context(schema, None, None))
    pixels, target = np.zeros((count, 4, 4, 3)), (label + 1) % 8
    images = contract.Images(pixels, np.arange(count), label, label, contract.Reading(label, features, []), None)
    measure.add_images(images)
    reading = contract.Reading(target, landed, [])
    measure.add_edits(contract.Edits(images, pixels, pixels[..., :1], target, np.ones((count, 1), bool), reading))
    similarity = landed @ (features / np.linalg.norm(features, axis=1, keepdims=True)).T
    np.fill_diagonal(similarity, -np.inf)
    hits = label[:, 0][np.argsort(-similarity, axis=1)] == target
    for k in (1, 10, 30):
        assert measure.result()[f"retrieval/top_{k}"].value == hits[:, :k].any(axis=1).mean()


@pytest.mark.parametrize("labelled", [True, False])
def test_a_split_of_one_image_has_no_figure_that_needs_more(labelled):
    split = helpers.rendered_split(2, 1)
    if not labelled:
        split = dataclasses.replace(split, label=np.full_like(split.label, UNKNOWN))
    source = arrays.ArraySource(SCHEMA, {"test": split})
    figures = _figures(_Idle(helpers.rendered_split(2, 1)), names=("edits", "retrieval", "frechet"), source=source)
    assert ("edit_accuracy/mean" in figures) == labelled
    assert not any(name.startswith(("frechet_distance", "retrieval")) for name in figures)


def test_published_queries_replace_drawn_edits_in_retrieval():
    """Each image to the label of the next; the perfect system finds it, the idle one finds itself left out."""
    split = helpers.rendered_split(2, 24)
    rows = np.array([3, 3, 20, 7, 0] * 4)  # more than a batch, some images more than once
    queries = Queries(rows, split.label[(rows + np.arange(20)) % 24])
    source = arrays.ArraySource(SCHEMA, {"test": split, "validation": helpers.rendered_split(1, 16)}, queries)
    config, asked = helpers.tiny_config(), []

    class _Spy(_Oracle):
        def edit(self, image, source, target, in_turn=None):
            asked.extend((self._labels[i.tobytes()].tolist(), t.tolist()) for i, t in zip(image, target, strict=True))
            return super().edit(image, source, target)

    editor = _Spy(split)
    figures = driver.measure(config, source, "test", editor, _judge(editor), ("retrieval",)).figures
    for row, target in zip(*queries, strict=True):
        assert (split.label[row].tolist(), target.tolist()) in asked
    assert figures["retrieval/top_1"].value == 1.0
    editor = _Spy(helpers.rendered_split(1, 16))  # which knows no test image
    driver.measure(config, source, "validation", editor, _judge(editor), ("retrieval",))


def test_frechet_distance_of_gaussians_is_the_closed_form():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(20_000, 3))
    b = rng.normal(size=(20_000, 3)) * np.array([1.0, 2.0, 3.0]) + np.array([1.0, 0.0, 0.0])
    # |1|^2 + (1-1)^2 + (2-1)^2 + (3-1)^2
    np.testing.assert_allclose(frechet.frechet_distance(a, b), 6.0, rtol=0.05)
    assert frechet.frechet_distance(a, a) < 1e-6


def test_a_perceptual_distance_sees_changes_outside_of_the_region_only(oracle, idle):
    assert idle["perceptual_distance/mean"] == 0.0
    careless = _figures(_Careless(helpers.rendered_split(2, 24)), names=("perceptual",))
    for name in SCHEMA.names:
        assert careless[f"perceptual_distance/{name}"] > 10.0 * oracle[f"perceptual_distance/{name}"]


class _Shifted(_Oracle):
    """Knows where each garment is, a quarter of the image to the left."""

    def foreground(self, image):
        return np.roll(self._foreground, -8, axis=2)[: len(image)]


def test_iou_of_the_foreground_is_the_overlaps_share_of_what_either_covers():
    split = helpers.rendered_split(2, 24)
    square = np.full((24, 32, 32, 1), -1.0, np.float32)
    square[:5] = 0.0
    square[:5, :, 8:24] = 0.6  # half of which the shifted one overlaps: a third of what either covers
    editor = _Shifted(split)
    editor._foreground = np.maximum(square, 0.0)
    measure = foreground.Measure(contract.Context(SCHEMA, editor, _judge(editor)))
    reading = _judge(editor)(split.image)
    measure.add_images(contract.Images(split.image, np.arange(24), split.label, split.label, reading, None, square))
    np.testing.assert_allclose(measure.result()["foreground/iou"].value, 1 / 3)


def test_where_nothing_is_known_of_a_foreground_there_is_no_figure():
    assert not _figures(_Oracle(helpers.rendered_split(2, 24)), names=("foreground",))


class _Careless(_Oracle):
    """Makes the edit, and mirrors the picture."""

    def edit(self, image, source, target, in_turn=None):
        edited, mask = super().edit(image, source, target)
        self._labels |= {i[:, ::-1].tobytes(): t for i, t in zip(edited, target, strict=True)}
        return np.ascontiguousarray(edited[:, :, ::-1]), mask


def test_intervals_are_those_of_a_mean_over_images():
    """Of N independent values, the 95% interval is 1.96 standard errors to each side."""
    rng = np.random.default_rng(0)
    tally = intervals.Tally()
    values = rng.random(2000) < 0.3
    tally.add("color", np.arange(2000), values)
    figure = tally.figures("share")["share/color"]
    error = np.sqrt(0.3 * 0.7 / 2000)
    assert figure.value == values.mean()
    np.testing.assert_allclose([figure.low, figure.high], values.mean() + 1.96 * error * np.array([-1, 1]), atol=0.004)


def test_an_attribute_called_mean_hides_no_mean():
    tally = intervals.Tally()
    for name, value in (("mean", 0.0), ("color", 1.0)):
        tally.add(name, np.arange(2), np.full(2, value))
    figures = {name: figure.value for name, figure in tally.figures("edits", mean="edits/mean").items()}
    assert figures == {"edits/mean": 0.5, "edits/mean (attribute)": 0.0, "edits/color": 1.0}


def test_values_of_one_image_are_drawn_together():
    """Ten equal values of an image say no more than one: the interval is as wide."""
    rng = np.random.default_rng(0)
    values = rng.random(300)
    once, often = intervals.Tally(), intervals.Tally()
    once.add("x", np.arange(300), values)
    for _ in range(10):
        often.add("x", np.arange(300), values)
    np.testing.assert_allclose(once.figures("m")["m/x"], often.figures("m")["m/x"], rtol=1e-9)


def test_tables_show_what_is_confused_with_what():
    config = helpers.tiny_config()
    split = helpers.rendered_split(2, 24)
    editor = _Oracle(split)
    tables = driver.measure(config, helpers.rendered_source(), "test", editor, _judge(editor), NAMES).tables
    table = tables["classifier_confusion/color"]
    assert table.rows == table.columns == SCHEMA.attributes[SCHEMA.index("color")].values
    seen = np.isin(np.arange(len(table.rows)), split.label[:, SCHEMA.index("color")])
    np.testing.assert_array_equal(table.cells[seen], np.eye(len(table.rows))[seen])
    assert np.all(np.isnan(table.cells[~seen]))
    edits = tables["edit_accuracy/collar"].cells
    assert np.nanmin(edits) == 1.0 and np.all(np.isnan(np.diag(edits)))


def test_a_measure_is_added_by_one_file(tmp_path, monkeypatch):
    (tmp_path / "painted.py").write_text(
        "from amgan_jax.measures.contract import BaseMeasure\n"
        "from amgan_jax.measures.intervals import Tally\n"
        "class Measure(BaseMeasure):\n"
        "    def __init__(self, context):\n"
        "        super().__init__(context)\n"
        "        self.tally = Tally()\n"
        "    def add_edits(self, edits):\n"
        "        self.tally.add('area', edits.images.row, edits.mask.mean(axis=(1, 2, 3)))\n"
        "    def result(self):\n"
        "        return self.tally.figures('painted')\n"
    )
    monkeypatch.setattr(measures, "__path__", [*measures.__path__, str(tmp_path)])
    assert _figures(_Idle(helpers.rendered_split(2, 24)), names=("painted",)) == {"painted/area": 0.0}


def test_a_figure_that_is_not_finite_is_named():
    class _Area(contract.BaseMeasure):
        def result(self):
            return {"area": contract.Figure(float("nan"))}

    with pytest.raises(UserError, match="area is nan, not a finite number"):
        driver.results([_Area(None)])
