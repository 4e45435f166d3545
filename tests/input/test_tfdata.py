"""tf.data batches of a built dataset."""

import dataclasses
import itertools

import numpy as np
import pytest

from amgan_jax import garments
from amgan_jax.editing import photos
from amgan_jax.errors import UserError
from amgan_jax.input import arrays, sampling
from tests import helpers

tfdata = pytest.importorskip("amgan_jax.input.tfdata")


@pytest.fixture(scope="module")
def config(trained_workdir, data_dir):
    config = helpers.tiny_config()  # trained_workdir has built its dataset
    config.data.data_dir = str(data_dir)
    return config


@pytest.fixture(scope="module")
def source(config):
    return tfdata.DatasetSource(config)


def _assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


def test_the_batch_of_a_step_is_the_same_from_wherever_reading_starts(config, source):
    from_start = list(itertools.islice(source.amgan_batches(config, 0), 5))
    _assert_same(from_start[4], next(source.amgan_batches(config, 4)))
    from_start = list(itertools.islice(source.classifier_batches(config, "evaluator", 0), 3))
    _assert_same(from_start[2], next(source.classifier_batches(config, "evaluator", 2)))


def test_where_a_chunk_ends_changes_nothing(config, source, monkeypatch):
    in_one = list(itertools.islice(source.classifier_batches(config, "attention", 0), 5))
    monkeypatch.setattr(tfdata, "_CHUNK_ROWS", 2 * config.attention.batch_size)
    for batch, same in zip(in_one, source.classifier_batches(config, "attention", 0), strict=False):
        _assert_same(batch, same)


def test_measuring_again_traces_nothing_anew(config, source, monkeypatch):
    """TensorFlow warns of it, and it takes longer than to read a small split."""
    letterbox, traced = tfdata.letterbox, []
    monkeypatch.setattr(tfdata, "letterbox", lambda *a: traced.append(a) or letterbox(*a))
    other = config.copy_and_resolve_references()
    other.height = other.width = 28  # which no other test has had traced
    list(source.evaluation_batches(other, "validation"))
    assert len(traced) == 1
    list(source.evaluation_batches(other, "validation"))
    assert len(traced) == 1


def test_threads_change_nothing(config, source):
    many = config.copy_and_resolve_references()
    many.data.threads = 3
    for step in range(4):
        _assert_same(next(source.amgan_batches(config, step)), next(source.amgan_batches(many, step)))


_BATCHES = """
import sys, numpy as np, jax
from amgan_jax.input import tfdata
from tests import helpers
config = helpers.tiny_config()
config.data.data_dir = sys.argv[2]
assert jax.device_count() == int(sys.argv[1])
np.savez(sys.argv[3], **next(tfdata.DatasetSource(config).amgan_batches(config, 3)))
"""


def test_one_device_and_four_get_the_same_batch(config, source, tmp_path):
    here = next(source.amgan_batches(config, 3))
    result = helpers.run("-c", _BATCHES, 4, config.data.data_dir, tmp_path / "b.npz", devices=4)
    assert result.returncode == 0, result.stderr
    with np.load(tmp_path / "b.npz") as there:
        _assert_same(here, dict(there))


def test_training_images_and_references_are_those_of_the_labels_flipped_together_or_not(config, source):
    steps = list(itertools.islice(source.amgan_batches(config, 0), 4))
    batch = {name: np.concatenate([b[name] for b in steps]) for name in steps[0]}
    table = {}
    for b in source.evaluation_batches(config, "train"):
        for image, label in zip(b["image"][b["valid"]], b["label"][b["valid"]], strict=True):
            table[image.tobytes()] = label
    flipped = {"image": [], "reference": []}
    for name, labels in (("image", batch["label"]), ("reference", batch["reference_label"])):
        for image, label in zip(batch[name], labels, strict=True):
            mirrored = np.ascontiguousarray(image[:, ::-1])
            flipped[name].append(image.tobytes() not in table)
            np.testing.assert_array_equal(table.get(image.tobytes(), table.get(mirrored.tobytes())), label)
    assert flipped["image"] == flipped["reference"] and set(flipped["image"]) == {False, True}


def test_evaluation_shows_every_image_once_and_unaugmented(config, source):
    batches = list(source.evaluation_batches(config, "test"))
    assert [int(b["valid"].sum()) for b in batches] == [16, 8]
    assert {len(b["image"]) for b in batches} == {16}
    first = batches[0]
    for i in range(4):
        key = garments.nuisance_key(*first["nuisance"][i])
        np.testing.assert_allclose(first["image"][i], garments.render(first["label"][i], key, (32, 32)), atol=0.005)


def test_splits_share_no_image(config, source):
    seen = [
        {image.tobytes() for b in source.evaluation_batches(config, split) for image in b["image"][b["valid"]]}
        for split in ("train", "validation", "test")
    ]
    assert [len(s) for s in seen] == [64, 16, 24]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])


@pytest.mark.parametrize("size", [(224, 168), (50, 200), (301, 97), (20, 20)])
def test_letterboxing_in_training_and_of_photos_agree(size):
    ramp = np.linspace(0, 255, size[0] * size[1] * 3).reshape(*size, 3)
    pixels = (ramp * np.random.default_rng(0).uniform(0.5, 1.0, (1, 1, 3))).astype(np.uint8)
    training = np.asarray(tfdata.letterbox(pixels, 64, 48))
    serving = photos.letterbox(photos.Photo(pixels, None), 64, 48).image
    assert training.shape == serving.shape == (64, 48, 3)
    assert np.abs(training - serving).max() < 0.03
    assert np.abs(training - serving).mean() < 0.005


@pytest.mark.parametrize("size", [(224, 168), (50, 75)])
def test_a_box_shows_its_part_of_the_letterboxed_image(size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    larger = np.asarray(tfdata.letterbox(pixels, 128, 96))
    part = np.asarray(tfdata.letterbox(pixels, 64, 48, box=(0.25, 0.0, 0.75, 0.5)))
    np.testing.assert_allclose(part, larger[32:96, :48], atol=1e-5)


def test_crops_magnify(config, source):
    cropped = config.copy_and_resolve_references()
    cropped.data.crop = 0.5
    plain, zoomed = (next(source.classifier_batches(c, "attention", 0)) for c in (config, cropped))
    np.testing.assert_array_equal(plain["label"], zoomed["label"])
    assert np.abs(plain["image"] - zoomed["image"]).mean() > 0.05


def test_amgans_crops_show_the_same_part_of_photos_and_references(config, source):
    cropped = config.copy_and_resolve_references()
    cropped.data.flip = False
    whole = next(source.amgan_batches(cropped, 0))
    cropped.amgan.crop = 0.5
    parts = next(source.amgan_batches(cropped, 0))
    label = np.concatenate([b["label"][b["valid"]] for b in source.evaluation_batches(cropped, "train")])
    plan = next(sampling.amgan_plans(label, source.schema, cropped, 0))
    for i, box in enumerate(plan["box"]):
        for name in ("image", "reference"):
            pixels = np.round((whole[name][i] + 1.0) * 127.5).astype(np.uint8)
            expected = tfdata.letterbox(pixels, 32, 32, box)
            np.testing.assert_allclose(parts[name][i], expected, atol=0.02)
    assert (plan["box"] != (0.0, 0.0, 1.0, 1.0)).any(axis=1).all()


def test_arrays_are_shown_as_files_are(config, source):
    smaller = config.copy_and_resolve_references()
    smaller.data.crop = smaller.amgan.crop = 0.5
    smaller.height = smaller.width = 16
    smaller.evaluator.scale = 2
    batches = list(source.evaluation_batches(config, "train"))
    image, label = (np.concatenate([b[name][b["valid"]] for b in batches]) for name in ("image", "label"))
    smaller.attention.foreground = 1.0
    batches = source.evaluation_batches(smaller.copy_and_resolve_references(), "train")
    foreground = np.concatenate([b["foreground"][b["valid"]] for b in batches])
    in_memory = arrays.ArraySource(source.schema, {"train": arrays.Split(image, label, foreground=foreground)})
    for read in (
        lambda s: s.amgan_batches(smaller, 3),
        lambda s: s.classifier_batches(smaller, "attention", 3),
        lambda s: s.classifier_batches(smaller, "evaluator", 3),
    ):
        batch, expected = next(read(in_memory)), next(read(source))
        assert batch.keys() == expected.keys()
        assert ("foreground" in batch) == (batch["image"].shape[1] == 16 and "target" not in batch)
        for name in batch:
            np.testing.assert_allclose(batch[name], expected[name], atol=1e-5)


def test_an_unknown_foreground_stays_unknown_when_it_is_cropped(config):
    cropped = config.copy_and_resolve_references()
    cropped.data.crop, cropped.attention.foreground = 0.5, 1.0
    split = helpers.rendered_split(0, 64)
    known = np.arange(64) % 2 == 0
    foreground = np.where(known[:, None, None, None], (split.image[..., :1] + 1.0) / 2.0, np.float32(-1.0))
    source = arrays.ArraySource(garments.SCHEMA, {"train": dataclasses.replace(split, foreground=foreground)})
    found = next(source.classifier_batches(cropped, "attention", 0))["foreground"]
    unknown = (found == -1.0).all(axis=(1, 2, 3))
    assert 0 < unknown.sum() < len(found) and found[~unknown].min() >= 0.0


def test_the_evaluator_sees_larger_images_of_the_same_rows(config, source):
    larger = config.copy_and_resolve_references()
    larger.height = larger.width = 16
    larger.evaluator.scale = 2
    whole, small = (next(source.classifier_batches(larger, name, 0))["image"] for name in ("evaluator", "attention"))
    assert whole.shape[1:3] == (32, 32) and small.shape[1:3] == (16, 16)
    assert next(source.amgan_batches(larger, 0))["image"].shape[1:3] == (16, 16)
    judged = next(source.evaluation_batches(larger, "test"))["image"]
    np.testing.assert_array_equal(judged, next(source.evaluation_batches(config, "test"))["image"])


def test_garments_rendered_at_another_size_than_the_evaluators_are_refused(config):
    """The truth of their edits is rendered at the evaluator's size, where it would be another picture."""
    larger = config.copy_and_resolve_references()
    larger.evaluator.scale = 2
    said = "rendered at 32 x 32 pixels and the evaluator sees 64 x 64: set --config.data.builder.height=64"
    with pytest.raises(UserError, match=said):
        tfdata.DatasetSource(larger)


def test_a_dataset_that_is_not_built_names_the_command(tmp_path):
    for dataset, said in (("fashion_products", "--source=DIR"), ("synthetic_garments", "--height=32 .*--width=32")):
        config = helpers.tiny_config()
        config.data.dataset, config.data.data_dir = dataset, str(tmp_path)
        if dataset == "fashion_products":
            config.data.builder = {}
        command = f"python -m amgan_jax.build --dataset={dataset}.*{said}"
        pattern = f"{dataset} is not built in {tmp_path}; build it with: {command}"
        with pytest.raises(UserError, match=pattern):
            tfdata.DatasetSource(config)
