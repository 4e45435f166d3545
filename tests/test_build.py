"""The dataset builders and their refusals."""

import csv

import numpy as np
from PIL import Image
import pytest

from tests import helpers

input_pipeline = pytest.importorskip("amgan_jax.input_pipeline")

COLUMNS = ["image_id", "split", "sleeve_length", "collar", "color", "pattern", "fastening"]
ROWS = [
    ["1", "train", "short", "round", "red", "plain", "none"],
    ["2", "train", "long", "shirt", "blue", "striped", "buttons"],
    ["3", "validation", "long", "hood", "", "plain", "zip"],
    ["4", "test", "short", "round", "black", "plain", "none"],
]


@pytest.fixture
def tree(tmp_path):
    """A source folder with photos of several sizes and a labels file, which tests may break."""
    (tmp_path / "images").mkdir()
    for i, size in enumerate([(60, 80), (168, 224), (900, 1200), (30, 40)], start=1):
        Image.new("RGB", size, (40 * i, 10, 200)).save(tmp_path / "images" / f"{i}.jpg")
    _write_labels(tmp_path, [COLUMNS, *ROWS])
    return tmp_path


def _write_labels(tree, rows):
    with (tree / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def _build(tree, *more):
    return helpers.run(
        "data/build.py", "--dataset=fashion_products", f"--source={tree}", f"--labels={tree / 'labels.csv'}",
        f"--data_dir={tree / 'built'}", *more,
    )  # fmt: skip


def test_builds_photos_of_any_size_with_their_labels(tree):
    result = _build(tree)
    assert result.returncode == 0, result.stderr
    assert "2 train, 1 validation, 1 test" in result.stdout
    config = helpers.tiny_config()
    config.data.dataset, config.data.data_dir, config.data.builder = "fashion_products", str(tree / "built"), {}
    config.height, config.width = 64, 48
    source = input_pipeline.DatasetSource(config)
    (batch,) = source.evaluation_batches(config, "validation")
    np.testing.assert_array_equal(batch["label"][0], [3, 4, -1, 0, 2])  # the empty cell is unknown
    assert batch["image"].shape[1:] == (64, 48, 3)
    np.testing.assert_allclose(batch["image"][0].mean(axis=(0, 1)), [120 / 127.5 - 1, 10 / 127.5 - 1, 0.57], atol=0.03)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("color", "rainbow", "row 3 (2): unknown value 'rainbow' for color: black, white"),
        ("split", "dev", "row 3 (2): unknown split 'dev': train, validation, test"),
        ("image_id", "77", "row 3 (77): photo"),
        ("image_id", "1", "row 3 (1): the photo stands in an earlier row too"),
    ],
)
def test_a_bad_row_is_named(tree, column, value, said):
    rows = [list(row) for row in ROWS]
    rows[1][COLUMNS.index(column)] = value
    _write_labels(tree, [COLUMNS, *rows])
    helpers.assert_refused(_build(tree), said)
    assert not (tree / "built").exists()


def test_a_missing_column_is_named(tree):
    _write_labels(tree, [COLUMNS[:-1], *(row[:-1] for row in ROWS)])
    helpers.assert_refused(_build(tree), "row 1: column 'fastening' is missing")


def test_a_broken_photo_is_named(tree):
    path = tree / "images" / "3.jpg"
    path.write_bytes(path.read_bytes()[:200])
    helpers.assert_refused(_build(tree), "row 4 (3): photo", "3.jpg cannot be decoded")


def test_what_is_built_is_not_silently_kept(tree):
    assert _build(tree).returncode == 0
    helpers.assert_refused(_build(tree), "is built already: remove it")


def test_a_turned_photo_is_built_upright(tree):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.new("RGB", (80, 60), (0, 0, 0))
    picture.paste((255, 255, 255), (0, 0, 40, 60))  # white on the left; upright, that is the top
    picture.save(tree / "images" / "4.jpg", exif=exif)
    assert _build(tree).returncode == 0
    config = helpers.tiny_config()
    config.data.dataset, config.data.data_dir, config.data.builder = "fashion_products", str(tree / "built"), {}
    (batch,) = input_pipeline.DatasetSource(config).evaluation_batches(config, "test")
    assert batch["image"][0, 4:12, 12:20].mean() > 0.8 and batch["image"][0, 20:28, 12:20].mean() < -0.8


def test_a_source_without_photos_is_named(tmp_path):
    helpers.assert_refused(
        helpers.run("data/build.py", "--dataset=clothing_attributes", f"--source={tmp_path}"), "has no folder images/"
    )


def test_photos_need_a_source_and_garments_take_none(tmp_path):
    helpers.assert_refused(helpers.run("data/build.py", "--dataset=fashion_products"), "needs --source=DIR")
    helpers.assert_refused(
        helpers.run("data/build.py", "--dataset=synthetic_garments", f"--source={tmp_path}"), "takes no --source"
    )
