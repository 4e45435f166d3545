"""The commands, as a user runs them, on a workdir that the tiny config trained."""

import csv
import functools
import json
import pathlib
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
    shares = ("each", "all", "preserved", "exact", "psnr")
    expected |= {f"edits/k{k}/{share}" for k in range(1, 6) for share in (*shares, "psnr_unedited")}
    expected |= {f"edits/k{k}/in_turn/{share}" for k in range(2, 6) for share in shares}
    expected -= {"edits/k5/preserved", "edits/k5/in_turn/preserved"}  # where nothing is left to preserve
    expected |= {"frechet_distance", "frechet_distance/24_images", "train/steps", "train/seconds"}
    # Of the labels that edits ask for, the few test images need not have any.
    assert figures.keys() - {f"retrieval/top_{k}" for k in (1, 10, 30)} == expected
    intervals = json.loads((trained_workdir / "report" / "intervals.json").read_text())
    assert all(low <= figures[name] <= high for name, (low, high) in intervals.items())
    assert intervals.keys() > {"edit_accuracy/mean", "counterfactual/psnr"}
    assert figures["train/steps"] == 8 and figures["train/seconds"] > 0.0
    in_turn = json.loads((trained_workdir / "config.json").read_text())["edit"]["in_turn"]
    assert set(in_turn) <= {2, 3, 4, 5}  # settled by validation images
    assert "validation/" not in (trained_workdir / "metrics.jsonl").read_text()  # evaluate.during.edits is 0
    written = {str(p.relative_to(trained_workdir)) for p in trained_workdir.rglob("*")}
    report = {f"report/{name}.json" for name in ("metrics", "intervals", "tables")} | {"report/README.md"}
    report |= {f"report/{name}.png" for name in ("edits", "charts", "curves", "tables")}
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


def test_a_report_says_where_edits_did_not_start_from_labels(trained_workdir, data_dir, tmp_path):
    copy = shutil.copytree(trained_workdir, tmp_path / "w")
    result = helpers.run(
        "-m", "amgan_jax.main", "--config=configs/tiny.py", f"--workdir={copy}", "--mode=evaluate",
        f"--config.data.data_dir={data_dir}", "--config.evaluate.read_source=True",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    old, new = trained_workdir / "report", copy / "report"
    title, _, _ = (old / "README.md").read_text().partition("\n")
    assert (new / "README.md").read_text().startswith(f"{title}, values read off the images\n")
    assert json.loads((copy / "config.json").read_text())["evaluate"]["read_source"]  # or it would pass for another's
    # Networks of eight updates read most values wrongly: other values are asked for.
    assert (new / "edits.png").read_bytes() != (old / "edits.png").read_bytes()


def test_edit_keeps_each_photos_size_and_says_what_it_changed(trained_workdir, album, tmp_path):
    result = _edit(trained_workdir, album / "*", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    for path in album.iterdir():
        with Image.open(path) as before, Image.open(tmp_path / "out" / f"{path.stem}.png") as after:
            assert after.size == before.size
    lines = result.stdout.splitlines()
    assert len(lines) == 3
    assert all("seen: sleeve_length" in line and "changed: " in line and " -> " in line for line in lines)


def test_edit_takes_what_the_user_says_of_the_photo_for_what_it_reads(trained_workdir, album, tmp_path):
    read = _edit(trained_workdir, album / "tall.jpg", tmp_path / "read.png").stdout
    color = next(c for c in ("red", "black") if f"color {c} " not in read)
    said = _edit(trained_workdir, album / "tall.jpg", tmp_path / "said.png", f"--source=color={color}").stdout
    assert f"color {color} (1.00)" in said and f"color {color} -> blue" in said
    assert (tmp_path / "said.png").read_bytes() != (tmp_path / "read.png").read_bytes()
    wrong = _edit(trained_workdir, album / "tall.jpg", tmp_path / "wrong.png", "--source=color=loud")
    helpers.assert_refused(wrong, "unknown value 'loud' for color")


def test_edits_are_drawn_beside_their_photos(trained_workdir, album, tmp_path):
    def draw(edits, images=f"{album / '*.png'},{album / 'tall.jpg'}"):
        return helpers.run(
            "docs/draw_edits.py", f"--workdir={trained_workdir}", f"--images={images}", f"--edits={edits}",
            f"--output={tmp_path / 'drawn.png'}",
        )  # fmt: skip

    assert draw("color=blue;collar=hood").returncode == 0
    width, height = Image.open(tmp_path / "drawn.png").size
    assert width == height  # three photos, each with two edits
    helpers.assert_refused(draw("color=blu"), "unknown value 'blu' for color")
    helpers.assert_refused(draw("color=blue", images=""), "matches no file")


def test_edit_writes_one_photo_to_a_file_or_into_a_new_folder(trained_workdir, album, tmp_path):
    for output, written in (("one.jpg", "one.jpg"), ("folder", "folder/grün.png")):
        result = _edit(trained_workdir, album / "grün.png", tmp_path / output, "--region=collar")
        assert result.returncode == 0, result.stderr
        assert Image.open(tmp_path / written).size == (33, 33)


def test_edit_overwrites_no_photo(trained_workdir, album):
    before = {path: path.read_bytes() for path in album.iterdir()}
    helpers.assert_refused(_edit(trained_workdir, album / "*.png", album), "would be overwritten")
    (album / "tall.png").write_bytes(b"someone's")
    try:
        helpers.assert_refused(_edit(trained_workdir, album / "*.jpg", album), "tall.png, which is beside the photos")
        both = _edit(trained_workdir, album / "tall.*", album.parent / "out")
        helpers.assert_refused(both, "two of the photos have the same name")
        assert (album / "tall.png").read_bytes() == b"someone's"
    finally:
        (album / "tall.png").unlink()
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


_BRIGHTENED = """
import runpy, sys
from amgan_jax.editing import editor
from tests.commands import test_commands
editor.load = lambda workdir: test_commands.Brightener()
runpy.run_module(sys.argv.pop(1), run_name="__main__")
"""


def test_each_photo_gets_its_own_result_and_a_bad_one_loses_none(tmp_path):
    """More photos than are edited at once, by a system whose answer is known."""
    for i in range(19):
        Image.new("RGB", (15, 20), (10 * i, 10 * i, 10 * i)).save(tmp_path / f"{i:02d}.png")
    (tmp_path / "12.png").write_bytes(b"no picture")
    (tmp_path / "out" / "03.png").mkdir(parents=True)  # where an edit cannot be written
    arguments = ("--workdir=any", f"--images={tmp_path}/*.png")
    good = [f"{i:02d}" for i in range(19) if i != 12]

    run = functools.partial(helpers.run, "-c", _BRIGHTENED)
    result = run("amgan_jax.edit", *arguments, f"--output={tmp_path}/out", "--set=color=blue", "--skip_bad")
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("skipped: ") == 2 and f"skipped: cannot write {tmp_path}/out/03.png" in result.stderr
    for name in good:
        if name != "03":
            with Image.open(tmp_path / "out" / f"{name}.png") as edited:
                assert np.abs(np.asarray(edited).astype(int) - 10 * int(name) - 51).max() <= 1
    assert not (tmp_path / "out" / "12.png").exists()

    for more, rows in ((["--skip_bad"], good), ([], good[:12])):
        result = run("amgan_jax.classify", *arguments, f"--output={tmp_path}/table.csv", *more)
        assert result.returncode == (0 if more else 2), result.stderr
        with (tmp_path / "table.csv").open() as file:
            read = {pathlib.Path(row["image"]).stem: float(row["color_confidence"]) for row in csv.DictReader(file)}
        assert read == {name: pytest.approx(int(name) * 10 / 255, abs=2e-3) for name in rows}


def test_where_nothing_can_be_written_nothing_is_lost_in_silence(tmp_path):
    """Edits are refused, even with --skip_bad, and so is a table, before a photo is read."""
    Image.new("RGB", (15, 20)).save(tmp_path / "a.png")
    (tmp_path / "file").write_text("mine")
    run = functools.partial(helpers.run, "-c", _BRIGHTENED)
    photo = ("--workdir=any", f"--images={tmp_path}/a.png", f"--output={tmp_path}/file/b.png")
    refused = run("amgan_jax.edit", *photo, "--set=color=blue")
    helpers.assert_refused(refused, f"cannot write {tmp_path}/file/b.png")
    refused = run("amgan_jax.edit", *photo, "--set=color=blue", "--skip_bad")
    helpers.assert_refused(refused, f"cannot write {tmp_path}/file/b.png")
    refused = run("amgan_jax.classify", *photo)
    helpers.assert_refused(refused, f"cannot write {tmp_path}/file/")
    assert (tmp_path / "file").read_text() == "mine"


def test_an_edit_may_be_asked_for_in_words(tmp_path):
    """What --set says holds, and --explain edits nothing."""
    Image.new("RGB", (15, 20)).save(tmp_path / "a.png")
    (tmp_path / "mine.json").write_text('{"words": {"fastening=zip": "sleek"}}')
    asked = (f"--words={tmp_path}/mine.json", "--text=a navy jumper, sleek, with toggles", "--set=color=green")
    photo = ("--workdir=any", f"--images={tmp_path}/a.png", f"--output={tmp_path}/b.png")
    result = helpers.run("-c", _BRIGHTENED, "amgan_jax.edit", *photo, *asked)
    assert result.returncode == 0, result.stderr
    understood, edited = result.stdout.splitlines()
    assert understood == 'understood: color=blue ("navy"), fastening=zip ("sleek"); not understood: "toggles"'
    assert edited.endswith("changed: color red -> green, fastening none -> zip") and (tmp_path / "b.png").exists()

    (tmp_path / "schema.json").write_text(garments.SCHEMA.to_json())
    (tmp_path / "config.json").write_text(helpers.tiny_config().to_json())
    run = functools.partial(helpers.run, "-m", "amgan_jax.edit", f"--workdir={tmp_path}")
    result = run("--explain", "--text=long sleeves")
    assert (result.returncode, result.stdout) == (0, 'understood: sleeve_length=long ("long sleeves")\n')
    helpers.assert_refused(run("--text=red, blue", "--explain"), '"red" and "blue" contradict each other')
    helpers.assert_refused(run("--explain"), "--explain says what --text asks for: give --text")
    helpers.assert_refused(run(*photo[1:]), "give --set, --text or --grid")
    helpers.assert_refused(run("--text=red", photo[1]), "flag --output must have a value")


class Brightener:
    """Edits by adding 0.4, and is as sure as the picture is bright."""

    schema = garments.SCHEMA
    image_size = (32, 24)
    classifiers = ("attention", "evaluator")

    def classify(self, image, readers=classifiers):
        assert image.shape[1:] == (*self.image_size, 3)
        shape = (len(image), len(self.schema.attributes))
        brightness = (image.mean(axis=(1, 2, 3)) + 1.0) / 2.0
        return np.zeros(shape, np.int32), np.tile(brightness[:, None], shape[1])

    def edit(self, image, source, target, region):
        return image + 0.4, np.ones_like(image[..., :1])


@pytest.fixture
def tree(tmp_path):
    """Grey photos in folders: 19 of them, more than are edited at once, and one that cannot be read."""
    for i in range(20):
        path = tmp_path / "in" / str(i // 7) / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 50), (5 * i, 5 * i, 5 * i)).save(path)
    (tmp_path / "in" / "1" / "12.png").write_bytes(b"no picture")
    return tmp_path / "in"


def test_a_folder_of_edits_mirrors_the_photos_and_no_photo_is_edited_twice(tree, tmp_path):
    out, sheet = tmp_path / "out", tmp_path / "sheet.png"
    run = functools.partial(helpers.run, "-c", _BRIGHTENED, "amgan_jax.edit", "--workdir=any", "--set=color=blue")
    flags = (f"--images={tree}/**/*.png", f"--output={out}", "--format=webp")
    stopped = run(*flags)
    helpers.assert_refused(stopped, "12.png is not a picture")
    first = {path: path.stat().st_mtime_ns for path in out.rglob("*.webp")}
    assert {path.stem for path in first} == {f"{i:02d}" for i in range(12)}  # those before the bad one

    result = run(*flags, "--skip_bad", f"--contact_sheet={sheet}", f"--masks={tmp_path}/masks")
    helpers.assert_refused(result, "is of another request", "--overwrite")  # without masks so far
    result = run(*flags, "--skip_bad", f"--contact_sheet={sheet}")
    assert result.returncode == 0, result.stderr
    assert "1 of 20 photos were left out" in result.stderr and "12/20" in result.stderr  # goes on there
    assert len(result.stdout.splitlines()) == 7
    good = [f"{i // 7}/{i:02d}" for i in range(20) if i != 12]
    assert sorted(str(p.relative_to(out).with_suffix("")) for p in out.rglob("*.webp")) == good
    assert all(path.stat().st_mtime_ns == time for path, time in first.items())
    records = [json.loads(line) for line in (out / "edits.jsonl").read_text().splitlines()]
    assert [record["photo"] for record in records] == [f"{name}.png" for name in good]
    last = records[-1]
    assert (last["output"], last["source"]["color"], last["target"]["color"]) == ("2/19.webp", "red", "blue")
    before, after = ((30 * level / 255 + 2) / 32 for level in (95, 146))  # 30 of 32 rows, the others are white
    assert last["confidence_before"]["color"] == pytest.approx(before, abs=0.02)
    assert last["confidence_after"]["color"] == pytest.approx(after, abs=0.02)  # of the picture as written
    assert last["read"]["color"] == "red" and last["as_asked"] is False
    assert Image.open(sheet).width > 4 * 256

    result = run(*flags, "--skip_bad", "--overwrite")
    assert result.returncode == 0 and len((out / "edits.jsonl").read_text().splitlines()) == 19
    assert not any(path.stat().st_mtime_ns == time for path, time in first.items())


def test_an_edit_is_kept_to_a_region_at_the_photos_size_and_shown_in_its_mask(tree, tmp_path):
    run = functools.partial(helpers.run, "-c", _BRIGHTENED, "amgan_jax.edit", "--workdir=any", "--set=color=blue")
    flags = (f"--images={tree}/1/10.png", f"--output={tmp_path}/a.png", "--region=10,0,40,50", "--strength=0.5")
    result = run(*flags, f"--masks={tmp_path}/masks")
    assert result.returncode == 0, result.stderr
    with Image.open(tmp_path / "a.png") as edited:
        row = np.asarray(edited)[25, :, 0]
    assert (row[:10] == 50).all() and abs(int(row[10]) - 63) <= 1 and (abs(row[11:] - 75.5) <= 1).all()
    with Image.open(tmp_path / "masks" / "10.png") as overlay:
        assert np.ptp(np.asarray(overlay)[:, :10]) == 0


def test_a_grid_is_one_picture_a_photo(tree, tmp_path):
    run = functools.partial(helpers.run, "-c", _BRIGHTENED, "amgan_jax.edit", "--workdir=any", "--grid=collar")
    result = run(f"--images={tree}/0/*.png", f"--output={tmp_path}/grids")
    assert result.returncode == 0, result.stderr
    assert len(list((tmp_path / "grids").glob("*.png"))) == 7
    width, height = Image.open(tmp_path / "grids" / "00.png").size
    assert width > 3.5 * height  # the photo and four collars, in a row
    assert run(f"--images={tree}/0/*.png", f"--output={tmp_path}/grids").stdout == ""


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--strength=1.5"], "--strength=1.5: 0 (the photo as it is) to 1"),
        (["--strength=some"], "strength"),
        (["--format=gif"], "format"),
        (["--format=jpg"], "--format, --contact_sheet and --overwrite are for a folder"),
        (["--contact_sheet=c.png", "--grid=color"], "leave --masks and --contact_sheet out"),
    ],
)
def test_bad_flags_of_edit_are_refused_at_once(tree, tmp_path, flags, said):
    photo = ("--workdir=any", f"--images={tree}/0/00.png", f"--output={tmp_path}/a.png", "--set=color=red")
    helpers.assert_refused(helpers.run("-m", "amgan_jax.edit", *photo, *flags), said)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--region=9,9,5,5"], "is empty"),
        (["--region=500,0,510,10"], "lies outside of a photo of 40 x 50 pixels"),
        (["--region=no.png"], "no.png"),
        (["--grid=hem"], "unknown attribute 'hem'"),
        (["--contact_sheet=c.gif"], "should end in .png"),
        (["--masks=OUT"], "name another folder"),
        (["--images=IN/*/0*.png", "--contact_sheet=IN/0/00.png"], "is one of the photos"),
        (["--images=IN/0/0*.png", "--masks=IN/0"], "is one of the photos"),
    ],
)
def test_bad_values_of_edit_are_refused(tree, tmp_path, flags, said):
    photos = ("--workdir=any", f"--images={tree}/0/*.png", f"--output={tmp_path}/out", "--set=color=red")
    flags = [flag.replace("IN", str(tree)).replace("OUT", str(tmp_path / "out")) for flag in flags]
    helpers.assert_refused(helpers.run("-c", _BRIGHTENED, "amgan_jax.edit", *photos, *flags), said)


def test_a_folder_of_edits_among_the_photos_is_not_edited_again(tree):
    run = functools.partial(helpers.run, "-c", _BRIGHTENED, "amgan_jax.edit", "--workdir=any", "--set=color=blue")
    for lines in (7, 0):
        result = run(f"--images={tree}/0/**/*.png", f"--output={tree}/0/edited")
        assert result.returncode == 0 and len(result.stdout.splitlines()) == lines, result.stderr


@pytest.mark.parametrize("command", ["edit", "classify"])
def test_help_has_examples_first_and_needs_no_network(command):
    result = helpers.run("-X", "importtime", "-m", f"amgan_jax.{command}", "--help")
    assert result.returncode == 0 and " jax\n" not in result.stderr
    example, flag = f"python -m amgan_jax.{command} --workdir=DIR", "--[no]skip_bad"
    assert -1 < result.stdout.find(example) < result.stdout.find(flag)


def test_a_bad_photo_is_named_and_skipped_only_when_asked(trained_workdir, bad_album, tmp_path):
    refused = _edit(trained_workdir, bad_album / "*", tmp_path / "out")
    helpers.assert_refused(refused, "broken.jpg is not a picture", "--skip_bad leaves such files out")
    shutil.rmtree(tmp_path / "out")
    skipped = _edit(trained_workdir, bad_album / "*", tmp_path / "out", "--skip_bad")
    assert skipped.returncode == 0 and "skipped: " in skipped.stderr and "broken.jpg" in skipped.stderr
    assert len(list((tmp_path / "out").glob("*.png"))) == 3
    nothing = _edit(trained_workdir, bad_album / "broken.jpg", tmp_path / "one.png", "--skip_bad")
    helpers.assert_refused(nothing, "none of the 1 photos can be read and written", "broken.jpg")


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


def test_configs_load_from_any_folder(tmp_path):
    flags = (f"--config={helpers.ROOT}/configs/tiny.py", f"--workdir={tmp_path}/w", "--config.amgan.batch_size=0")
    result = helpers.run("-m", "amgan_jax.main", *flags, cwd=tmp_path)
    helpers.assert_refused(result, "amgan.batch_size=0 cannot be divided over 1 devices")
    flags = ("--config=configs/tiny.py", *flags[1:])  # by the name that the pages give it
    result = helpers.run("-m", "amgan_jax.main", *flags, cwd=tmp_path)
    helpers.assert_refused(result, "amgan.batch_size=0 cannot be divided over 1 devices")


_FORBIDDEN = """
import errno
from amgan_jax import cli
def main(argv):
    raise PermissionError(errno.EACCES, "Permission denied", "mine.jpg")  # root may read whatever it likes
cli.run(main)
"""


def test_a_path_that_may_not_be_read_is_refused():
    helpers.assert_refused(helpers.run("-c", _FORBIDDEN), "cannot read mine.jpg: Permission denied")


def test_main_refuses_what_it_cannot_train(trained_workdir, data_dir, tmp_path):
    here = f"--config.data.data_dir={data_dir}"
    helpers.assert_refused(
        _main(trained_workdir, here, "--config.generator.width=8"), "holds work with another config", "generator.width"
    )
    helpers.assert_refused(
        _main(tmp_path / "new", f"--config.data.data_dir={tmp_path}", "--config.data.build=False"),
        "synthetic_garments is not built", "python -m amgan_jax.build --dataset=synthetic_garments",
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
