"""Ready weights are found by their name, and commands take them in the place of a workdir."""

import jax
import numpy as np
from PIL import Image
import pytest

import amgan_jax
from amgan_jax import garments
from amgan_jax.bundles import bundle, ready
from amgan_jax.editing import editor
from amgan_jax.training import state
from amgan_jax.workdir import CLASSIFIERS
from tests import helpers

_HISTORY = {"dataset": "synthetic_garments", "data": {}, "steps": {"amgan": 3}, "figures": {}, "licence": "CC0 1.0"}
_WITH_WEIGHTS = """
import pathlib, runpy, sys
from amgan_jax.bundles import ready
ready.FOLDER = pathlib.Path(sys.argv.pop(1))
runpy.run_module(sys.argv.pop(1), run_name="__main__")
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A folder of ready weights, of networks that do something, which are called tiny."""
    folder = tmp_path_factory.mktemp("weights")
    config = helpers.tiny_config()
    classifiers = {n: state.init_classifier(config, n, garments.SCHEMA).variables for n in CLASSIFIERS}
    generator = jax.tree.map(lambda p: p + 0.1, state.init_generator(config, garments.SCHEMA, jax.random.key(0)))
    system = editor.Editor(config, garments.SCHEMA, generator, classifiers)
    bundle.write(folder / "tiny", system, _HISTORY, "bfloat16", evaluator=True)
    (folder / "notes").mkdir()  # which is no bundle
    return folder


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photos") / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 61, 3), dtype=np.uint8)).save(path)
    return path


def test_ready_weights_are_loaded_by_name_and_a_path_that_is_there_wins(weights, tmp_path, monkeypatch):
    monkeypatch.setattr(ready, "FOLDER", weights)
    monkeypatch.chdir(tmp_path)
    assert amgan_jax.ready_weights() == ["tiny"]
    assert amgan_jax.load("tiny").schema == garments.SCHEMA
    with pytest.raises(amgan_jax.UserError, match="tinny is no folder, and no name of ready weights: tiny"):
        amgan_jax.load("tinny")
    (tmp_path / "tiny").mkdir()
    with pytest.raises(amgan_jax.UserError, match="tiny is not a workdir .* has no config.json"):
        amgan_jax.load("tiny")


def _run(weights, command, *more, **environment):
    return helpers.run("-c", _WITH_WEIGHTS, weights, f"amgan_jax.{command}", *more, **environment)


def test_a_command_edits_with_ready_weights_and_keeps_what_it_compiles(weights, photo, tmp_path, monkeypatch):
    result = _run(
        weights, "edit", "--weights=tiny", f"--images={photo}", "--set=color=blue", f"--output={tmp_path}/a.png",
        JAX_COMPILATION_CACHE_DIR="", XDG_CACHE_HOME=str(tmp_path),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert list((tmp_path / "amgan-jax").rglob("*-cache"))
    monkeypatch.setattr(ready, "FOLDER", weights)
    expected = amgan_jax.load("tiny").edit(photo, color="blue").image
    assert np.abs(np.asarray(Image.open(tmp_path / "a.png"), int) - np.asarray(expected)).max() <= 1
    assert np.abs(np.asarray(Image.open(tmp_path / "a.png"), int) - np.asarray(Image.open(photo))).max() > 5


@pytest.mark.parametrize("command", ["edit", "classify", "demo", "export"])
def test_commands_take_either_a_workdir_or_ready_weights(weights, command):
    flags = {
        "edit": ("--images=a.jpg", "--set=color=red", "--output=b.jpg"),
        "classify": ("--images=a.jpg",),
        "demo": (),
        "export": ("--format=bundle", "--output=out"),
    }[command]
    helpers.assert_refused(_run(weights, command, *flags), "give --workdir", "or --weights (tiny)")
    both = _run(weights, command, *flags, "--workdir=w", "--weights=tiny")
    helpers.assert_refused(both, "or --weights (tiny), not both")
    helpers.assert_refused(_run(weights, command, *flags, "--weights=tinny"), "unknown ready weights 'tinny': tiny")


def test_all_that_comes_with_the_package_can_be_loaded_and_is_small():
    sizes = [path.stat().st_size for path in ready.FOLDER.rglob("*") if path.is_file()]
    assert sum(sizes) < 15e6
    assert amgan_jax.ready_weights() == ["clothing", "garments"]
    for name in amgan_jax.ready_weights():
        edit = amgan_jax.load(name).edit(ready.FOLDER.parent / "samples" / "shirt.jpg", color="red")
        change = np.subtract(edit.photo.pixels, edit.before.pixels, dtype=np.float32)
        assert change[..., 0].mean() > 2.0 > change[..., 2].mean()  # of 255: redder, and no bluer
        card = (ready.FOLDER / name / "README.md").read_text()
        for said in ("bfloat16", "## Data", "## Licence", "## Figures", "## Limits", "## Not to be used for"):
            assert said in card
        assert "unknown" not in card and "It was not evaluated" not in card
