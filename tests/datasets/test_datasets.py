"""Each dataset's config trains and evaluates on a tree of the published layout, with networks made small."""

import importlib

import numpy as np
import pytest

from amgan_jax import experiment, metrics
from amgan_jax.input import built
from amgan_jax.measures import driver
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


@pytest.mark.parametrize("name", TREES)
def test_a_config_trains_and_evaluates_from_published_files(name, tmp_path):
    TREES[name](tmp_path)
    module, _, variant = name.partition(":")
    config = importlib.import_module(f"amgan_jax.configs.{module}").get_config(*filter(None, [variant]))
    _shrink(config)
    config.data.source, config.data.data_dir = str(tmp_path), str(tmp_path / "built")
    result = helpers.run(*built.build_command(config))
    assert result.returncode == 0, result.stderr
    source, workdir = tfdata.DatasetSource(config), tmp_path / "w"
    experiment.train(config, source, workdir)
    figures = driver.evaluate(config, source, workdir)
    measured = {figure.partition("/")[2] for figure in figures if figure.startswith("edit_accuracy/")}
    assert set(source.schema.names) | {"mean"} >= measured > {"mean"}
    assert (source.queries is not None) == (name == "published:shopping100k")
    steps = [r["step"] for r in metrics.read_metrics(workdir) if r["phase"] == "amgan"]
    assert steps == [2, 4, 6, 8]
    assert np.isfinite(list(figures.values())).all()
