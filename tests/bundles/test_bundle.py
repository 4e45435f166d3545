"""A bundle edits and reads as the workdir that it was made of."""

import json
import shutil

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from amgan_jax import garments
from amgan_jax.bundles import bundle, model_card, provenance
from amgan_jax.editing import editor
from amgan_jax.errors import UserError
from amgan_jax.training import checkpoints, state
from amgan_jax.workdir import CLASSIFIERS
from tests import helpers

_FIGURES = {"edit_accuracy/color": 0.914, "edit_accuracy/mean": 0.5, "edits/k2/exact": 0.777}


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """What a training leaves, of networks that do something, as fresh ones do not."""
    directory = tmp_path_factory.mktemp("w")
    config = helpers.tiny_config()
    config.data.source = "/home/someone/photos"
    fresh = {n: state.init_classifier(config, n, garments.SCHEMA) for n in CLASSIFIERS}
    fresh["amgan"] = state.init_amgan(config, garments.SCHEMA)
    for i, (name, trained) in enumerate(fresh.items()):
        moved = jax.tree.map(lambda x: x + jnp.asarray(0.1, x.dtype), trained).replace(step=jnp.asarray(i + 3))
        manager = checkpoints.Checkpoints(directory / name)
        manager.save(moved, seconds=2.0)
        manager.close()
    (directory / "config.json").write_text(config.to_json())
    (directory / "schema.json").write_text(garments.SCHEMA.to_json())
    (directory / "dataset.json").write_text('{"train": {"photos": 63}}')
    (directory / "report").mkdir()
    (directory / "report" / "metrics.json").write_text(json.dumps(_FIGURES))
    return directory


@pytest.fixture(scope="module")
def exported(workdir, tmp_path_factory):
    """Bundles of the command, by their dtype."""
    folders = {}
    for dtype in bundle.DTYPES:
        folders[dtype] = tmp_path_factory.mktemp("bundles") / dtype
        result = helpers.run(
            "-m", "amgan_jax.export", f"--workdir={workdir}", "--format=bundle", f"--output={folders[dtype]}",
            f"--dtype={dtype}", "--licence=CC0 1.0", "--about_data=drawn, not taken",
            f"--evaluator={dtype == 'float32'}",
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
    return folders


def _edit(system):
    split = helpers.rendered_split(2, 24)
    target = (split.label[:4] + 1) % np.array(garments.SCHEMA.value_counts)
    return (*system.edit(split.image[:4], split.label[:4], target), *system.classify(split.image[:4]))


def test_a_bundle_edits_and_reads_as_its_workdir_to_the_last_bit(workdir, exported):
    ours, theirs = editor.load(workdir), editor.load(exported["float32"])
    assert theirs.schema == ours.schema and set(theirs.classifiers) == {"attention", "evaluator"}
    for mine, other in zip(_edit(ours), _edit(theirs), strict=True):
        np.testing.assert_array_equal(mine, other)
    assert np.abs(_edit(ours)[0] - helpers.rendered_split(2, 24).image[:4]).max() > 0.1
    assert theirs.config.data.source is None  # no path of the machine goes out


def test_a_bfloat16_bundle_is_half_as_large_and_almost_the_same(workdir, exported):
    ours, theirs = editor.load(workdir), editor.load(exported["bfloat16"])
    assert set(theirs.classifiers) == {"attention"}  # as it was asked for
    label = theirs.classify(helpers.rendered_split(2, 24).image)[0]
    assert (label == ours.classify(helpers.rendered_split(2, 24).image, ("attention",))[0]).mean() > 0.9
    assert 0.0 < np.abs(_edit(ours)[0] - _edit(theirs)[0]).mean() < 0.02
    weights = {d: folder / "weights.safetensors" for d, folder in exported.items()}
    part = {n: a for n, a in safetensors.numpy.load_file(weights["float32"]).items() if not n.startswith("evaluator")}
    assert weights["bfloat16"].stat().st_size < 0.6 * sum(a.nbytes for a in part.values())


def test_a_bundle_says_where_it_comes_from(workdir, exported):
    history = provenance.of(exported["float32"])
    assert history.items() >= provenance.of(workdir).items() and history["licence"] == "CC0 1.0"
    assert history["steps"] == {"attention": 3, "evaluator": 4, "amgan": 5} and history["seconds"] == 6.0
    card = (exported["float32"] / "README.md").read_text()
    assert "| color |  | 0.91 |  |" in card and "| 2 |  |  | 0.78 |" in card
    assert "CC0 1.0" in card and "63 training pictures: drawn, not taken." in card and "collar: round" in card
    assert "kept as float32, and loaded as float32" in card
    assert "kept as bfloat16, and loaded as float32" in (exported["bfloat16"] / "README.md").read_text()
    config = helpers.tiny_config()
    config.edit.in_turn = (2,)
    in_turn = history | {"figures": {"edits/k2/exact": 0.777, "edits/k2/in_turn/exact": 0.888}}
    assert "| 2, one after another |  |  | 0.89 |" in model_card.write(config, garments.SCHEMA, in_turn, "bundle")
    unmeasured = model_card.write(helpers.tiny_config(), garments.SCHEMA, history | {"figures": {}}, "bundle")
    assert "It was not evaluated." in unmeasured


def test_a_bundle_may_be_exported_again(exported, tmp_path):
    system = editor.load(exported["bfloat16"])
    bundle.write(tmp_path / "again", system, provenance.of(exported["bfloat16"]), "bfloat16", evaluator=False)
    again, first = (folder / "weights.safetensors" for folder in (tmp_path / "again", exported["bfloat16"]))
    assert again.read_bytes() == first.read_bytes()
    with pytest.raises(UserError, match="again is there already: name a new folder"):
        bundle.write(tmp_path / "again", system, {}, "float32", evaluator=False)


def _replace_weights(folder, content):
    (folder / "weights.safetensors").write_bytes(content)
    history = json.loads((folder / "provenance.json").read_text())
    history["weights_sha256"] = bundle.digest(content)
    (folder / "provenance.json").write_text(json.dumps(history))


def test_a_damaged_or_foreign_bundle_is_refused(exported, tmp_path):
    folder = shutil.copytree(exported["bfloat16"], tmp_path / "b")
    good = (folder / "weights.safetensors").read_bytes()
    (folder / "weights.safetensors").write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(UserError, match="weights.safetensors is damaged"):
        editor.load(folder)
    for foreign in (b"no safetensors", safetensors.numpy.save({"a": np.zeros(2, np.int32)})):
        _replace_weights(folder, foreign)
        with pytest.raises(UserError, match="cannot be read as safetensors of float32 or bfloat16"):
            editor.load(folder)
    _replace_weights(folder, safetensors.numpy.save({"generator/a": np.zeros((2, 2), ml_dtypes.bfloat16)}))
    with pytest.raises(UserError, match=r"does not fit the config.json .* should be \("):
        editor.load(folder)
    (folder / "provenance.json").write_text("{")
    with pytest.raises(UserError, match=r"cannot read .*provenance.json"):
        editor.load(folder)
    (folder / "config.json").unlink()
    with pytest.raises(UserError, match="has no config.json"):
        editor.load(folder)


def test_what_a_bundle_cannot_do_is_refused(exported, data_dir):
    def main(folder, *more):
        return helpers.run(
            "-m", "amgan_jax.main", "--config=configs/tiny.py", f"--workdir={folder}",
            f"--config.data.data_dir={data_dir}", *more,
        )  # fmt: skip

    helpers.assert_refused(main(exported["float32"]), "is a bundle, which cannot be trained further")
    helpers.assert_refused(main(exported["bfloat16"], "--mode=evaluate"), "is a bundle without the evaluator")


def test_a_bundle_is_evaluated_as_its_workdir_is(trained_workdir, data_dir, tmp_path):
    folder = tmp_path / "bundle"
    made = helpers.run(
        "-m", "amgan_jax.export", f"--workdir={trained_workdir}", "--format=bundle", f"--output={folder}"
    )
    assert made.returncode == 0, made.stderr
    result = helpers.run(
        "-m", "amgan_jax.main", "--config=configs/tiny.py", f"--workdir={folder}", "--mode=evaluate",
        f"--config.data.data_dir={data_dir}",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    for name in ("metrics.json", "edits.png"):
        assert (folder / "report" / name).read_bytes() == (trained_workdir / "report" / name).read_bytes()
