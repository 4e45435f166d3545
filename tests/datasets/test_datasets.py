"""Each dataset's config on a tree of the published layout, with networks made small."""

import importlib

import numpy as np
import pytest

from amgan_jax import experiment, metrics
from amgan_jax.input import built
from amgan_jax.measures import driver
from amgan_jax.training.checks import check_config
from tests import helpers, trees

tfdata = pytest.importorskip("amgan_jax.input.tfdata")

_FINE = ["1 0 0 0 1 0 1 1 0 1 0 0 1", "0 1 1 0 0 1 0 0 1 0 1 1 0", "0 1 0 1 0 0 1 1 0 0 0 1 0"]
_SHOPPING = ["1 0 1 0 0", "0 1 0 1 0", "1 0 0 0 1"]
_FACES = [{"Black_Hair", "Male", "Young", "Smiling"}, {"Blond_Hair", "No_Beard", "Bangs"}, {"Gray_Hair", "Eyeglasses"}]


def _write_deepfashion(folder):
    trees.write_fine(folder, {"train": _FINE * 4, "val": _FINE, "test": _FINE * 2})


def _write_shopping(folder):
    trees.write_shopping(folder, {"train": _SHOPPING * 20, "test": _SHOPPING * 2})


def _write_faces(folder):
    trees.write_faces(folder, _FACES * 8, [0] * 15 + [1] * 3 + [2] * 6)


def _write_shapes(folder):
    trees.write_shapes(folder, 60)


TREES = {
    "manifest": trees.write_shop,
    "published:deepfashion": _write_deepfashion,
    "published:shopping100k": _write_shopping,
    "published:celeb_a": _write_faces,
    "published:shapes3d": _write_shapes,
}


def _shrink(config):
    """Tiny's networks, steps and batches, and a quarter of the size; all else is the config's own."""
    small, scale = helpers.tiny_config(), config.evaluator.scale
    for part in ("attention", "evaluator", "amgan", "generator", "discriminator"):
        config[part] = small[part]
    config.evaluator.scale = scale
    config.discriminator.layers = 3
    for name in ("log_steps", "checkpoint_steps", "sample_steps", "sample_images"):
        config[name] = small[name]
    config.evaluate.batch_size = 4
    config.evaluate.during.edits = 4
    config.height //= 4
    config.width //= 4


def _build(name, folder):
    """(config, source) of a dataset that is built from a tree of its published layout."""
    TREES[name](folder)
    module, _, variant = name.partition(":")
    config = importlib.import_module(f"amgan_jax.configs.{module}").get_config(*filter(None, [variant]))
    _shrink(config)
    config.data.source, config.data.data_dir = str(folder), str(folder / "built")
    result = helpers.run(*built.build_command(config))
    assert result.returncode == 0, result.stderr
    return config, tfdata.DatasetSource(config)


@pytest.mark.parametrize("name", ["manifest", "published:shopping100k"])
def test_a_config_trains_and_evaluates_from_published_files(name, tmp_path):
    config, source = _build(name, tmp_path)
    workdir = tmp_path / "w"
    experiment.train(config, source, workdir)
    figures = driver.evaluate(config, source, workdir)
    measured = {figure.partition("/")[2] for figure in figures if figure.startswith("edit_accuracy/")}
    assert set(source.schema.names) | {"mean"} >= measured > {"mean"}
    assert (source.queries is not None) == (name == "published:shopping100k")
    steps = [r["step"] for r in metrics.read_metrics(workdir) if r["phase"] == "amgan"]
    assert steps == [2, 4, 6, 8]
    assert np.isfinite(list(figures.values())).all()


@pytest.mark.parametrize("name", ["published:deepfashion", "published:celeb_a", "published:shapes3d"])
def test_a_config_reads_published_files(name, tmp_path):
    """What differs between datasets is what comes before the networks, which take long to compile."""
    config, source = _build(name, tmp_path)
    check_config(config)
    shape, counts = (config.height, config.width, 3), source.schema.value_counts
    batch = next(source.amgan_batches(config, 0))
    assert batch["image"].shape[-3:] == batch["reference"].shape[-3:] == shape
    assert np.isfinite(batch["image"]).all() and 0.1 < np.abs(batch["image"]).max() < 1.0 + 1e-5
    for label in (batch["label"], batch["target"]):
        assert label.shape[-1] == len(counts) and np.all(label >= -1) and np.all(label < counts)
    assert np.any(batch["label"] != batch["target"])
    rows = [row for b in source.evaluation_batches(config, "test") for row in b["row"][b["valid"]]]
    assert rows and sorted(rows) == list(range(len(rows)))
    assert source.queries is None
