"""Exports return what the live networks do, and the examples of docs/exporting.md run without this package."""

import json
import re
import subprocess
import sys

import jax
import numpy as np
from PIL import Image
import pytest

from amgan_jax import garments
from amgan_jax.bundles import bundle
from amgan_jax.editing import editor, photos
from amgan_jax.errors import UserError
from amgan_jax.exporting import formats, functions
from amgan_jax.training import state
from amgan_jax.workdir import CLASSIFIERS
from tests import helpers

_HISTORY = {"dataset": "synthetic_garments", "data": {}, "steps": {"amgan": 3}, "figures": {}, "licence": "CC0 1.0"}
_BLOCKED = {"stablehlo": ("amgan_jax", "flax"), "onnx": ("amgan_jax", "jax"), "savedmodel": ("amgan_jax", "jax")}
_LIBRARIES = {"onnx": ("jax2onnx", "onnxruntime"), "savedmodel": ("tensorflow",)}


@pytest.fixture(scope="module")
def system():
    """Networks that do something, as fresh ones do not; the evaluator sees larger images."""
    config = helpers.tiny_config()
    config.evaluator.scale = 2
    flat = np.arange(sum(garments.SCHEMA.value_counts))
    no_red = -9.0 * (flat == 7)  # after three sleeve lengths and four collars: so that red can be asked for
    bias = lambda x: x + no_red.astype(np.float32) if x.shape == flat.shape else x  # noqa: E731
    fresh = {n: state.init_classifier(config, n, garments.SCHEMA).variables for n in CLASSIFIERS}
    generator = jax.tree.map(lambda p: p + 0.1, state.init_amgan(config, garments.SCHEMA).ema)
    return editor.Editor(config, garments.SCHEMA, generator, jax.tree.map(bias, fresh))


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photos") / "photo.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 61, 3), dtype=np.uint8)).save(path)
    return path


def _examples():
    page = (helpers.ROOT / "docs" / "exporting.md").read_text()
    return dict(re.findall(r"<!-- example: (\w+) -->\n```python\n(.*?)```", page, flags=re.DOTALL))


def _run_example(form, folder):
    """Runs the page's example beside FOLDER and photo.jpg, where some packages cannot be imported."""
    blocked = "".join(f"sys.modules[{name!r}] = None\n" for name in _BLOCKED[form])
    code = f"import sys\n{blocked}{_examples()['start']}{_examples()[form]}"
    words = [sys.executable, "-c", code]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=600, check=False)


def _check_example(form, system, photo, folder):
    (folder / "photo.jpg").write_bytes(photo.read_bytes())
    result = _run_example(form, folder)
    assert result.returncode == 0, result.stderr
    read = photos.read(photo)
    source, _ = system.classify(photos.letterbox(read, *system.image_size).image[None])
    target = source.copy()
    target[0, 2] = garments.SCHEMA.attributes[2].index("red")
    seen = photos.letterbox(read, system.config.height, system.config.width).image[None]
    expected = np.round((system.edit(seen, source, target)[0][0] + 1.0) * 127.5)
    edited = np.asarray(Image.open(folder / "edited.png"), np.float32)
    assert np.abs(expected - np.round((seen[0] + 1.0) * 127.5)).max() > 20
    np.testing.assert_allclose(edited, expected, atol=1.0)


@pytest.mark.parametrize("form", _LIBRARIES)
def test_an_export_is_verified_and_its_example_runs(form, system, photo, tmp_path):
    for library in _LIBRARIES[form]:
        pytest.importorskip(library)
    differences = formats.write(tmp_path / "FOLDER", form, system, _HISTORY, [photo])
    assert differences.keys() == {"edit", "classify"} and max(differences.values()) <= 1e-4
    _check_example(form, system, photo, tmp_path)


def test_the_command_exports_a_bundle_as_stablehlo(system, photo, tmp_path):
    bundle.write(tmp_path / "bundle", system, _HISTORY, "float32", evaluator=True)
    command = ("-m", "amgan_jax.export", f"--workdir={tmp_path}/bundle", f"--output={tmp_path}/FOLDER")
    result = helpers.run(*command, "--format=stablehlo", f"--images={photo}")
    assert result.returncode == 0, result.stderr
    assert re.search(r"edit: differs from the live networks by \d\.\de[-+]\d\d", result.stdout)
    _check_example("stablehlo", system, photo, tmp_path)
    signature = json.loads((tmp_path / "FOLDER" / "signature.json").read_text())
    assert signature["functions"]["classify"]["inputs"]["image"]["shape"] == ["batch", 64, 64, 3]
    assert signature["provenance"]["licence"] == "CC0 1.0" and signature["schema"]["color"][0] == "red"
    assert "CC0 1.0" in (tmp_path / "FOLDER" / "README.md").read_text()
    helpers.assert_refused(helpers.run(*command, "--format=stablehlo"), "FOLDER is there already: name a new folder")


@pytest.mark.parametrize("error", [2e-4, float("nan")])
def test_an_export_that_returns_something_else_is_refused(error, system, tmp_path, monkeypatch):
    def wrong(directory, live):
        def call(name, inputs):
            outputs = jax.device_get(dict(zip(live[name].outputs, live[name].call(*inputs.values()), strict=True)))
            return outputs | {"mask": outputs["mask"] + error} if name == "edit" else outputs

        return {name: lambda inputs, name=name: call(name, inputs) for name in live}

    monkeypatch.setitem(formats.WRITERS, "wrong", wrong)
    with pytest.raises(UserError, match="the export differs from the live networks by (2.0e-04|nan)"):
        formats.write(tmp_path / "out", "wrong", system, _HISTORY, [])
    assert not (tmp_path / "out" / "signature.json").exists()


def test_a_library_that_is_not_installed_is_named(system, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    with pytest.raises(UserError, match=r"this export needs jax2onnx: pip install 'amgan-jax\[export\]'"):
        formats.write(tmp_path / "out", "onnx", system, _HISTORY, [])


def test_examples_are_images_of_every_kind_and_labels_of_the_schema(system, photo):
    inputs = functions.examples(system, [photo])
    assert inputs["edit"]["image"].shape[1:] == (32, 32, 3) and inputs["classify"]["image"].shape[1:] == (64, 64, 3)
    assert np.abs(inputs["edit"]["image"]).max() <= 1.0
    np.testing.assert_array_equal(inputs["edit"]["image"][-1], photos.letterbox(photos.read(photo), 32, 32).image)
    changed = inputs["edit"]["source"] != inputs["edit"]["target"]
    assert changed.any() and (inputs["edit"]["target"] < np.array(garments.SCHEMA.value_counts)).all()
