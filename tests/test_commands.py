"""The commands, as a user runs them, on a workdir that the tiny config trained."""

import csv
import json
import shutil

import numpy as np
from PIL import Image
import pytest

from amgan_jax import garments
from tests import helpers


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """Photos of odd sizes, without labels."""
    folder = tmp_path_factory.mktemp("album")
    for name, size in (("tall.jpg", (61, 203)), ("wide photo.png", (300, 77)), ("grün.png", (33, 33))):
        pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


@pytest.fixture
def bad_album(album, tmp_path):
    shutil.copytree(album, tmp_path / "bad")
    (tmp_path / "bad" / "broken.jpg").write_bytes(b"no picture")
    return tmp_path / "bad"


def _edit(workdir, images, output, *more, edit="color=blue,sleeve_length=long"):
    return helpers.run(
        "-m", "amgan_jax.edit", f"--workdir={workdir}", f"--images={images}", f"--set={edit}", f"--output={output}",
        *more,
    )  # fmt: skip


def test_training_leaves_what_the_contract_says(trained_workdir):
    figures = json.loads((trained_workdir / "report" / "metrics.json").read_text())
    groups = ("edit_accuracy", "preservation", "classifier_accuracy", "evaluator_accuracy")
    expected = {f"{group}/{name}" for group in groups for name in (*garments.SCHEMA.names, "mean")}
    expected |= {f"perceptual_distance/{name}" for name in (*garments.SCHEMA.names, "mean")}
    compared = ("psnr", "psnr_unedited", "ssim", "ssim_unedited", "mask_iou")
    expected |= {f"counterfactual/{m}{of}" for m in compared for of in ("", *(f"/{n}" for n in garments.SCHEMA.names))}
    expected |= {"frechet_distance", "frechet_distance/24_images", "train/steps", "train/seconds"}
    # Of the labels that edits ask for, the few test images need not have any.
    assert figures.keys() - {f"retrieval/top_{k}" for k in (1, 10, 30)} == expected
    intervals = json.loads((trained_workdir / "report" / "intervals.json").read_text())
    assert all(low <= figures[name] <= high for name, (low, high) in intervals.items())
    assert intervals.keys() > {"edit_accuracy/mean", "counterfactual/psnr"}
    assert figures["train/steps"] == 8 and figures["train/seconds"] > 0.0
    written = {str(p.relative_to(trained_workdir)) for p in trained_workdir.rglob("*")}
    report = {f"report/{name}.json" for name in ("metrics", "intervals", "tables")} | {"report/README.md"}
    report |= {f"report/{name}.png" for name in ("edits", "curves", "tables")}
    assert written >= report | {"config.json", "schema.json", "metrics.jsonl", "samples/8.png"}
    assert written >= {"attention/8", "evaluator/8", "amgan/8"}


def test_evaluating_again_on_more_devices_than_examples_gives_the_same_report(trained_workdir, data_dir, tmp_path):
    copy = shutil.copytree(trained_workdir, tmp_path / "w")
    shutil.rmtree(copy / "report")
    result = helpers.run(
        "-m", "amgan_jax.main", "--config=configs/tiny.py", f"--workdir={copy}", "--mode=evaluate",
        f"--config.data.data_dir={data_dir}", devices=8,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    for name in ("metrics.json", "README.md", "edits.png"):
        assert (copy / "report" / name).read_bytes() == (trained_workdir / "report" / name).read_bytes()


def test_edit_keeps_each_photos_size_and_says_what_it_changed(trained_workdir, album, tmp_path):
    result = _edit(trained_workdir, album / "*", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    for path in album.iterdir():
        with Image.open(path) as before, Image.open(tmp_path / "out" / f"{path.stem}.png") as after:
            assert after.size == before.size
    lines = result.stdout.splitlines()
    assert len(lines) == 3
    assert all("seen: sleeve_length" in line and "changed: " in line and " -> " in line for line in lines)


def test_edit_writes_one_photo_to_a_file_or_into_a_new_folder(trained_workdir, album, tmp_path):
    for output, written in (("one.jpg", "one.jpg"), ("folder", "folder/grün.png")):
        result = _edit(trained_workdir, album / "grün.png", tmp_path / output, "--region=collar")
        assert result.returncode == 0, result.stderr
        assert Image.open(tmp_path / written).size == (33, 33)


def test_edit_overwrites_no_photo(trained_workdir, album):
    before = {path: path.read_bytes() for path in album.iterdir()}
    helpers.assert_refused(_edit(trained_workdir, album / "*.png", album), "would be overwritten")
    assert {path: path.read_bytes() for path in album.iterdir()} == before


def test_classify_gives_a_line_a_photo(trained_workdir, album, tmp_path):
    result = helpers.run(
        "-m", "amgan_jax.classify", f"--workdir={trained_workdir}", f"--images={album}/*", f"--output={tmp_path}/c.csv"
    )
    assert result.returncode == 0, result.stderr
    rows = list(csv.DictReader((tmp_path / "c.csv").open()))
    assert [row["image"] for row in rows] == sorted(str(p) for p in album.iterdir())
    for row in rows:
        for attribute in garments.SCHEMA.attributes:
            assert row[attribute.name] in attribute.values
            assert 1.0 / len(attribute.values) <= float(row[f"{attribute.name}_confidence"]) <= 1.0


def test_a_bad_photo_is_named_and_skipped_only_when_asked(trained_workdir, bad_album, tmp_path):
    refused = _edit(trained_workdir, bad_album / "*", tmp_path / "out")
    helpers.assert_refused(refused, "broken.jpg is not a picture", "--skip_bad leaves such files out")
    skipped = _edit(trained_workdir, bad_album / "*", tmp_path / "out", "--skip_bad")
    assert skipped.returncode == 0 and "skipped: " in skipped.stderr and "broken.jpg" in skipped.stderr
    assert len(list((tmp_path / "out").iterdir())) == 3
    nothing = _edit(trained_workdir, bad_album / "broken.jpg", tmp_path / "one.png", "--skip_bad")
    helpers.assert_refused(nothing, "none of the 1 files of --images can be read")


def test_bad_words_of_an_edit_are_refused(trained_workdir, album, tmp_path):
    out = tmp_path / "out"
    helpers.assert_refused(
        _edit(trained_workdir, album / "*", out, edit="sleeve_length=longg"),
        "unknown value 'longg' for sleeve_length: sleeveless, short, long",
    )
    helpers.assert_refused(_edit(trained_workdir, album / "*", out, edit="hem=long"), "unknown attribute 'hem'")
    helpers.assert_refused(_edit(trained_workdir, album / "*", out, "--region=hem"), "unknown attribute 'hem'")
    assert not out.exists()


def test_bad_paths_are_refused(trained_workdir, album, tmp_path):
    helpers.assert_refused(_edit(trained_workdir, tmp_path / "*.jpg", tmp_path / "out"), "matches no file")
    helpers.assert_refused(_edit(album, album / "*", tmp_path / "out"), "is not a workdir", "no config.json")
    (tmp_path / "file").write_text("")
    helpers.assert_refused(
        _edit(trained_workdir, album / "tall.jpg", tmp_path / "file" / "a.png"), "cannot write", "file/a.png"
    )
    helpers.assert_refused(_edit(trained_workdir, album / "*", tmp_path / "file"), "is a file", "name a folder")
    helpers.assert_refused(_edit(trained_workdir, album / "tall.jpg", tmp_path / "a.doc"), "should end in .png")


def _main(workdir, *more, config="configs/tiny.py", devices=1):
    return helpers.run("-m", "amgan_jax.main", f"--config={config}", f"--workdir={workdir}", *more, devices=devices)


def test_bad_flags_of_main_are_refused(tmp_path):
    helpers.assert_refused(_main(tmp_path, "--config.amgan.widht=3"), "unknown config key amgan.widht", "batch_size")
    helpers.assert_refused(_main(tmp_path, "--config.amgan.num_steps=many"), "amgan.num_steps", "many")
    helpers.assert_refused(_main(tmp_path, config="configs/none.py"), "cannot load --config=configs/none.py")
    helpers.assert_refused(_main(tmp_path, "--mode=test"), "mode")
    helpers.assert_refused(_main(tmp_path, "train"), "unexpected argument 'train'")
    helpers.assert_refused(helpers.run("-m", "amgan_jax.main", "--config=configs/tiny.py"), "workdir")


def test_main_refuses_what_it_cannot_train(trained_workdir, data_dir, tmp_path):
    here = f"--config.data.data_dir={data_dir}"
    helpers.assert_refused(
        _main(trained_workdir, here, "--config.generator.width=8"), "holds work with another config", "generator.width"
    )
    helpers.assert_refused(
        _main(tmp_path / "new", f"--config.data.data_dir={tmp_path}", "--config.data.build=False"),
        "synthetic_garments is not built", "data/build.py --dataset=synthetic_garments",
    )  # fmt: skip
    helpers.assert_refused(
        _main(tmp_path / "w", here, "--config.amgan.batch_size=6", devices=4),
        "amgan.batch_size=6 cannot be divided over 4 devices: use a multiple of 4",
    )
    helpers.assert_refused(
        _main(tmp_path / "w", here, "--config.evaluate.measures=('beauty',)"), "unknown measure 'beauty'"
    )
    assert not (tmp_path / "w").exists()  # the next try, with a better batch size, may have the name
    helpers.assert_refused(_main(tmp_path / "v", here, "--mode=evaluate"), "is not a workdir of amgan_jax.main")
