"""The dataset builders: published layouts become datasets, broken ones are refused."""

import contextlib
import csv
import functools
import io
import json
import pickle
import re
import shutil

from absl import flags
from absl.testing import flagsaver
import numpy as np
from PIL import Image
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from amgan_jax.datasets import (
    build,
    celeb_a,
    deepfashion,
    foregrounds,
    groups,
    ingest,
    labelled_photos,
    manifest,
    near_copies,
    photo_list,
    shapes3d,
    shopping100k,
)
from amgan_jax.errors import UserError
from amgan_jax.input import built, fingerprint
from tests import helpers, trees

tfdata = pytest.importorskip("amgan_jax.input.tfdata")

build.define_flags()
flags.FLAGS.mark_as_parsed()


def _build(dataset, source, **more):
    """Builds in this process, beside the source; the folder that the dataset is in."""
    data_dir = source / "built"
    with flagsaver.flagsaver(dataset=dataset, source=str(source), data_dir=str(data_dir), **more):
        build.main([])
    (info,) = data_dir.rglob("dataset_info.json")
    return info.parent


def _source(dataset, source, **builder):
    """The built dataset, as training reads it."""
    config = helpers.tiny_config()
    config.data.dataset, config.data.data_dir = dataset, str(source / "built")
    config.data.builder = builder
    return config, tfdata.DatasetSource(config)


def _split(config, source, split):
    """Images and labels of a split, in order of label."""
    batches = list(source.evaluation_batches(config, split))
    image, label = (np.concatenate([b[name][b["valid"]] for b in batches]) for name in ("image", "label"))
    order = np.lexsort(label.T[::-1])
    return image[order], label[order]


# Two labelled sets of this project: images/ and a labels file.

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
    for i, size in enumerate([(60, 80), (168, 224), (900, 1200), (30, 40)], start=1):
        trees.picture(tmp_path / "images" / f"{i}.jpg", (40 * i, 10, 200), size)
    trees.write_csv(tmp_path / "labels.csv", [COLUMNS, *ROWS])
    return tmp_path


def _build_tree(tree, **more):
    return _build("fashion_products", tree, labels=str(tree / "labels.csv"), **more)


def test_photos_of_any_size_are_built_with_their_labels(tree, capsys):
    _build_tree(tree)
    assert "2 train, 1 validation, 1 test" in capsys.readouterr().out
    config, source = _source("fashion_products", tree)
    image, label = _split(config, source, "validation")
    np.testing.assert_array_equal(label, [[3, 4, -1, 0, 2]])  # the empty cell is unknown
    np.testing.assert_allclose(image[0, :, 8:24].mean(axis=(0, 1)), [120 / 127.5 - 1, 10 / 127.5 - 1, 0.57], atol=0.03)


def test_a_refusal_is_one_line_with_status_2(tree):
    rows = [list(row) for row in ROWS]
    rows[1][COLUMNS.index("color")] = "rainbow"
    trees.write_csv(tree / "labels.csv", [COLUMNS, *rows])
    result = helpers.run(
        "data/build.py", "--dataset=fashion_products", f"--source={tree}", f"--labels={tree / 'labels.csv'}",
        f"--data_dir={tree / 'built'}",
    )  # fmt: skip
    helpers.assert_refused(
        result, "1 of 4 photos are bad", "row 3 (2): unknown value 'rainbow' for color: black, white", "--skip_bad"
    )
    assert not list((tree / "built").glob("[!.]*"))


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("split", "dev", r"row 3 \(2\): unknown split 'dev': train, validation, test"),
        ("image_id", "77", r"row 3 \(77\): .*77.jpg is missing"),
        ("image_id", "1", r"row 3 \(1\): the photo stands in .*row 2 \(1\) too"),
    ],
)
def test_a_bad_row_is_named(tree, column, value, said):
    rows = [list(row) for row in ROWS]
    rows[1][COLUMNS.index(column)] = value
    trees.write_csv(tree / "labels.csv", [COLUMNS, *rows])
    with pytest.raises(UserError, match=said):
        _build_tree(tree)


def test_a_missing_column_is_named(tree):
    trees.write_csv(tree / "labels.csv", [COLUMNS[:-1], *(row[:-1] for row in ROWS)])
    with pytest.raises(UserError, match="row 1: column 'fastening' is missing: image_id, split"):
        _build_tree(tree)


def test_what_is_built_is_not_silently_kept(tree):
    _build_tree(tree)
    with pytest.raises(UserError, match="is built already: remove it"):
        _build_tree(tree)


def test_a_turned_photo_is_built_upright(tree):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.new("RGB", (80, 60), (0, 0, 0))
    picture.paste((255, 255, 255), (0, 0, 40, 60))  # white on the left; upright, that is the top
    picture.save(tree / "images" / "4.jpg", exif=exif)
    _build_tree(tree)
    image, _ = _split(*_source("fashion_products", tree), "test")
    assert image[0, 4:12, 12:20].mean() > 0.8 and image[0, 20:28, 12:20].mean() < -0.8


def test_a_photo_with_broken_exif_is_built_as_it_is(tree):
    Image.new("RGB", (80, 60), (200, 0, 0)).save(tree / "images" / "4.png", exif=b"Exif\0\0junk")
    (tree / "images" / "4.png").rename(tree / "images" / "4.jpg")
    _build_tree(tree)
    image, _ = _split(*_source("fashion_products", tree), "test")
    np.testing.assert_allclose(image[0, 16, 16], [200 / 127.5 - 1, -1, -1], atol=0.01)


def test_a_grey_photo_is_built_with_three_channels(tree):
    Image.new("L", (60, 80), 128).save(tree / "images" / "4.jpg")
    _build_tree(tree)
    image, _ = _split(*_source("fashion_products", tree), "test")
    assert image.shape[-1] == 3 and np.abs(image[0, :, 8:24] - (128 / 127.5 - 1.0)).max() < 0.02


def test_a_transparent_photo_is_built_on_white(tree):
    picture = Image.new("RGB", (80, 60), (200, 0, 0))
    picture.save(tree / "images" / "4.jpg", format="png", transparency=(200, 0, 0))
    _build_tree(tree)
    image, _ = _split(*_source("fashion_products", tree), "test")
    np.testing.assert_allclose(image, 1.0, atol=1e-5)


def test_rebuilt_bytes_are_equal(tree):
    """In another process, where hashes and so the order of sets differ."""
    first = _build_tree(tree)
    result = helpers.run(
        "data/build.py", "--dataset=fashion_products", f"--source={tree}", f"--labels={tree}/labels.csv",
        f"--data_dir={tree}/again",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    (again,) = (path.parent for path in (tree / "again").rglob("dataset_info.json"))
    content = {path.name: path.read_bytes() for path in first.iterdir()}
    assert {path.name: path.read_bytes() for path in again.iterdir()} == content


def test_what_a_killed_build_left_is_removed_and_never_read(tree):
    left = tree / "built" / "fashion_products" / "incomplete.ABCDEF_1.1.0"
    left.mkdir(parents=True)
    (left / "dataset_info.json").write_text("{}")
    config = helpers.tiny_config()
    config.data.dataset, config.data.data_dir, config.data.builder = "fashion_products", str(tree / "built"), {}
    assert not built.is_built(config)
    _build_tree(tree)
    assert not left.exists() and built.is_built(config)


def test_another_dataset_of_the_same_name_is_not_taken_for_ours(tree):
    _build_tree(tree)
    ours = next((tree / "built").rglob("dataset_info.json")).parent
    theirs = shutil.copytree(ours, ours.with_name("2.1.0"))
    (theirs / "metadata.json").unlink()
    _, source = _source("fashion_products", tree)
    assert source.schema.names == tuple(COLUMNS[2:])


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        tf.errors.ResourceExhaustedError(None, None, "No space left on device"),
    ],
)
def test_a_build_that_fails_leaves_nothing(tree, monkeypatch, error):
    def full(*_, **__):
        raise error

    monkeypatch.setattr(tfds.core.writer.ExampleWriter, "write", full)
    with pytest.raises(UserError, match="cannot write the dataset to .*No space left on device"):
        _build_tree(tree)
    assert not list((tree / "built").rglob("*.tfrecord*")) and not list((tree / "built").rglob("dataset_info.json"))


def test_photos_need_a_source_and_garments_take_none(tmp_path):
    with (
        flagsaver.flagsaver(dataset="manifest", source=None, data_dir=str(tmp_path)),
        pytest.raises(UserError, match="needs --source=DIR: labels.csv is in it"),
    ):
        build.main([])
    with pytest.raises(UserError, match="takes no --source"):
        _build("synthetic_garments", tmp_path)


def test_a_flag_of_other_datasets_is_refused(shop):
    """Or another labels file than the one that was asked for would be built, without a word."""
    said = "=manifest takes no --labels, which is for clothing_attributes, fashion_products"
    with pytest.raises(UserError, match=said):
        _build("manifest", shop, labels=str(shop / "labels2.csv"))


_ONE_FILE = '''
"""`stripes`: pictures of one colour, as many as files colours.txt has lines."""

from absl import flags

from amgan_jax.schema import Schema
from amgan_jax.datasets.dataset import Dataset
from amgan_jax.datasets.photo_list import SPLITS, File, ListedPhoto, PhotoList, read_lines


def read(source, folder):
    names = read_lines(source / "colours.txt")
    schema = Schema.from_values({"colour": sorted(set(names))})
    photos = []
    for split in SPLITS:
        for i, name in enumerate(names):
            file = File(source / folder / f"{split}{i}.png")
            photos.append(ListedPhoto(f"{split}{i}", split, f"row {i}", file, schema.encode({"colour": name})))
    return PhotoList(schema, photos)


DATASET = Dataset(
    "Pictures of one colour.", read, marks=("colours.txt",), flags=("folder",),
    define_flags=lambda: flags.DEFINE_string("folder", "pictures", "Of stripes: where the pictures are."),
)
'''


def test_a_dataset_is_added_by_one_file(tmp_path):
    source = tmp_path / "source"
    for folder in ("amgan_jax", "data"):
        shutil.copytree(helpers.ROOT / folder, tmp_path / folder)
    (tmp_path / "data" / "stripes.py").write_text(_ONE_FILE)
    source.mkdir()
    (source / "colours.txt").write_text("red\nblue\n")
    for i, split in enumerate(photo_list.SPLITS):
        trees.picture(source / "here" / f"{split}0.png", (200 + i, 0, 0))
        trees.picture(source / "here" / f"{split}1.png", (0, 0, 200 + i))
    run = functools.partial(helpers.run, "data/build.py", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    command = (f"--source={source}", f"--data_dir={source / 'built'}", "--nosettle_copies")
    result = run(*command, "--dataset=stripes", "--folder=here")
    assert result.returncode == 0, result.stderr
    image, label = _split(*_source("stripes", source), "test")
    np.testing.assert_array_equal(label, [[0], [1]])
    assert image[0, ..., 2].min() > 0.5 > image[1, ..., 2].max()  # blue, then red
    assert "Of stripes: where the pictures are." in run("--help").stdout
    said = "is no manifest, which has labels.csv: it has colours.txt and looks like --dataset=stripes"
    helpers.assert_refused(run(*command, "--dataset=manifest"), said)


def test_a_folder_of_another_layout_is_told(tmp_path):
    (tmp_path / "attr_num.txt").write_text("2\n3\n")
    with pytest.raises(UserError, match="is no manifest, which has labels.csv: it has attr_num.txt .*=shopping100k"):
        _build("manifest", tmp_path)
    (tmp_path / "attr_num.txt").unlink()
    with pytest.raises(UserError, match="is no celeb_a, which has list_attr_celeba.txt or Anno/.*: is --source right"):
        _build("celeb_a", tmp_path)
    with pytest.raises(UserError, match="nowhere is not a folder"):
        _build("celeb_a", tmp_path / "nowhere")


def test_a_box_beyond_the_photo_shows_nothing_else():
    buffer = io.BytesIO()
    Image.new("RGB", (100, 200), (255, 255, 255)).save(buffer, "png")
    _, content, _ = ingest.prepare(
        photo_list.ListedPhoto("a", "train", "row 2", buffer.getvalue, [], (-5, 0, 100, 200))
    )
    with Image.open(io.BytesIO(content)) as cropped:
        assert cropped.size == (100, 200) and np.asarray(cropped).min() == 255


def test_a_photo_that_only_training_could_not_decode_is_bad(tree):
    path = tree / "images" / "1.jpg"
    Image.new("RGB", (20, 30), (9, 8, 7)).save(path, "png")
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(UserError, match=r"1 of 4 photos are bad: .*row 2 \(1\): the photo is damaged or cut off"):
        _build_tree(tree)


@pytest.mark.parametrize("dataset", ["fashion_products", "clothing_attributes"])
def test_the_shipped_labels_have_no_fault(tmp_path, dataset):
    (tmp_path / "images").mkdir()
    photos = labelled_photos.read(tmp_path, helpers.ROOT / "data" / f"{dataset}.csv").photos
    assert len(photos) > 2000 and not any(photo.fault for photo in photos)


# Anyone's photos.


def _write_masked(folder, column=False):
    """Pictures of noise, and masks that are white where these are dark; three photos have none, one an empty one."""
    rng = np.random.default_rng(0)
    rows = [["image", "split", "color", *(["mask"] if column else [])]]
    (folder / "blouses").mkdir()
    (folder / "masks" / "blouses").mkdir(parents=True)
    for i in range(16):
        picture = rng.integers(0, 256, (60, 40), np.uint8)
        Image.fromarray(np.stack([picture] * 3, axis=-1)).save(folder / "blouses" / f"{i}.png")
        if i > 2:
            mask = np.zeros_like(picture) if i == 3 else 255 - picture
            Image.fromarray(mask).save(folder / "masks" / "blouses" / f"{i}.png")
        more = [f"masks/blouses/{i}.png" if i > 2 else ""] if column else []
        rows.append(
            [f"blouses/{i}.png", ("test", "validation")[i] if i < 2 else "train", ("red", "blue")[i % 2], *more]
        )
    trees.write_csv(folder / "labels.csv", rows)


@pytest.mark.parametrize("column", [False, True])
def test_masks_move_with_their_photos_and_what_is_unknown_stays_so(tmp_path, column):
    _write_masked(tmp_path, column)
    _build("manifest", tmp_path)
    config, source = _source("manifest", tmp_path, name="photos")
    config.data.crop, config.attention.foreground, config.attention.batch_size = 0.6, 1.0, 14
    batch = next(source.classifier_batches(config, "attention", 0))
    foreground, darkness = batch["foreground"], (1.0 - batch["image"][..., :1]) / 2.0
    known = (foreground >= 0.0).all(axis=(1, 2, 3))
    assert source.has_foreground and known.sum() == 12
    np.testing.assert_allclose(foreground[known], darkness[known], atol=1e-5)
    assert (foreground[~known] == -1.0).all()
    assert "foreground" not in next(source.classifier_batches(config, "evaluator", 0))
    (shown,) = source.evaluation_batches(config, "test")
    assert (shown["foreground"] == -1.0).all()


def test_a_mask_of_another_shape_than_its_photo_is_refused(tmp_path):
    _write_masked(tmp_path)
    Image.new("L", (60, 40), 255).save(tmp_path / "masks" / "blouses" / "9.png")
    with pytest.raises(UserError, match=r"row 11 .*the mask has 60 x 40 pixels, another shape .* 40 x 60"):
        _build("manifest", tmp_path)


def test_a_mask_that_a_column_names_must_be_there(tmp_path):
    _write_masked(tmp_path, column=True)
    (tmp_path / "masks" / "blouses" / "9.png").unlink()
    with pytest.raises(UserError, match=r"row 11 .*9.png is missing"):
        _build("manifest", tmp_path)


def test_a_cut_out_is_a_mask_and_a_box_cuts_it_as_its_photo():
    cut_out = np.zeros((50, 100, 4), np.uint8)
    cut_out[:, 50:, 3] = 255  # the right half, of a photo of twice the size
    buffer = io.BytesIO()
    Image.fromarray(cut_out).save(buffer, "png")
    prepare = functools.partial(foregrounds.prepare, buffer.getvalue(), (200, 100))
    whole, part = (
        np.asarray(Image.open(io.BytesIO(prepare(box, size))))
        for box, size in ((None, (200, 100)), ((80, 0, 120, 100), (20, 50)))
    )
    assert whole.shape == (100, 200) and not whole[:, :98].any() and whole[:, 102:].min() == 255
    assert part.shape == (50, 20) and not part[:, :8].any() and part[:, 12:].min() == 255
    assert prepare((0, 0, 90, 100), (90, 100)) == b""


def _saved(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, options.pop("format", "png"), **options)
    return buffer.getvalue()


def _turned(mask):
    """As a camera stores it, which turns a picture by a tag."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return _saved(Image.fromarray(mask).transpose(Image.Transpose.ROTATE_90), exif=exif)


_RIGHT_HALF = np.pad(np.full((40, 30), 255, np.uint8), ((0, 0), (30, 0)))
_PALETTE = Image.fromarray(_RIGHT_HALF // 255, "P")
_PALETTE.putpalette([0, 0, 0, 128, 0, 0])
_OPAQUE = Image.fromarray(_RIGHT_HALF).convert("RGBA")


@pytest.mark.parametrize(
    "content",
    [
        _saved(_OPAQUE),
        _saved(_PALETTE, transparency=0),
        _saved(Image.fromarray(np.where(_RIGHT_HALF > 0, 65535, 1000).astype(np.uint16))),
        _turned(_RIGHT_HALF),
        _saved(Image.fromarray(_RIGHT_HALF > 0)),
    ],
    ids=["opaque", "palette", "16 bits", "turned", "1 bit"],
)
def test_masks_of_all_kinds_are_read(content):
    found = np.asarray(Image.open(io.BytesIO(foregrounds.prepare(content, (60, 40), None, (60, 40)))))
    np.testing.assert_allclose(found, _RIGHT_HALF, atol=4)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is not an image"), (_saved(_OPAQUE)[:-40], "cannot be decoded")],
)
def test_a_broken_mask_is_told(tmp_path, content, said):
    _write_masked(tmp_path)
    (tmp_path / "masks" / "blouses" / "9.png").write_bytes(content)
    with pytest.raises(UserError, match=f"row 11 .*the mask {said}") as refused:
        _build("manifest", tmp_path)
    assert "object at" not in str(refused.value)


def test_a_photo_is_not_its_own_mask(tmp_path):
    """As it would be where masks/ and an absolute path or one with dots in it were joined."""
    (tmp_path / "masks").mkdir()
    Image.new("L", (8, 8), 255).save(tmp_path / "photo.png")
    for name in (str(tmp_path / "photo"), "../photo"):
        assert foregrounds.find(tmp_path / "masks", None, name) is None


def test_masks_that_are_all_nearly_empty_are_said_and_are_none(tmp_path, capsys):
    """As those are that have 1, not 255, where the garment is."""
    _write_masked(tmp_path)
    for path in (tmp_path / "masks").rglob("*.png"):
        Image.fromarray(np.ones((60, 40), np.uint8)).save(path)
    _build("manifest", tmp_path)
    assert "13 of 13 masks cover less than 5% of their photos, and count as none" in capsys.readouterr().out
    assert not _source("manifest", tmp_path, name="photos")[1].has_foreground


def test_a_column_of_its_own_meaning_is_no_attribute(shop):
    (shop / "schema.json").write_text('{"mask": ["yes", "no"]}')
    with pytest.raises(UserError, match="schema.json: no attribute can be called 'mask'"):
        manifest.read(shop)


def test_masks_that_come_with_the_project_are_those_of_its_photos(tmp_path):
    packed = tmp_path / "masks.npz"
    masks = {"a": np.eye(5, 7) > 0, "b": np.ones((128, 3), bool)}
    foregrounds.pack(masks, packed)
    for name, mask in masks.items():
        found = np.asarray(Image.open(io.BytesIO(foregrounds.find(tmp_path / "none", packed, name)())))
        np.testing.assert_array_equal(found, 255 * mask)
    assert foregrounds.find(tmp_path / "none", packed, "c") is None
    folder = helpers.ROOT / "data"
    with (folder / "clothing_attributes.csv").open() as file:
        names = [row["image_id"] for row in csv.DictReader(file)]
    assert all(foregrounds.find(tmp_path / "none", folder / "clothing_attributes_masks.npz", name) for name in names)


def test_a_dataset_without_masks_has_no_foreground(shop):
    _build("manifest", shop)
    config, source = _source("manifest", shop, name="photos")
    config.attention.foreground = 1.0
    assert not source.has_foreground
    assert "foreground" not in next(source.classifier_batches(config, "attention", 0))
    assert "foreground" not in next(source.evaluation_batches(config, "test"))


@pytest.fixture
def shop(tmp_path):
    trees.write_shop(tmp_path)
    return tmp_path


def _edit_csv(shop, edit):
    path = shop / "labels.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    trees.write_csv(path, edit(rows) or rows)


def test_a_schema_is_learnt_and_splits_are_made(shop, capsys):
    _build("manifest", shop)
    assert "few training photos" in capsys.readouterr().out
    config, source = _source("manifest", shop, name="photos")
    assert source.schema.to_json() == json.dumps(
        {"Farbe": ["blau", "grün", "rot"], "größe": ["groß", "klein"]}, indent=1
    )
    counts = {}
    for split in ("train", "validation", "test"):
        image, label = _split(config, source, split)
        counts[split] = len(label)
        brightest = image[:, 12:20, 12:20].mean(axis=(1, 2)).argmax(axis=1)
        np.testing.assert_array_equal(np.array(["rot", "grün", "blau"])[brightest],
                                      np.array(["blau", "grün", "rot"])[label[:, 0]])  # fmt: skip
    assert sum(counts.values()) == 30 and counts["train"] > 15


def test_a_small_set_has_photos_in_every_split(shop):
    _edit_csv(shop, lambda rows: rows[:9])
    _build("manifest", shop)
    config, source = _source("manifest", shop, name="photos")
    counts = [len(_split(config, source, split)[1]) for split in ("train", "validation", "test")]
    assert sum(counts) == 8 and min(counts) > 0


def test_labels_that_change_after_the_build_are_noticed(shop):
    _build("manifest", shop)
    config, _ = _source("manifest", shop, name="photos")
    config.data.source = str(shop)
    tfdata.DatasetSource(config)
    _edit_csv(shop, _set(1, 1, "blau"))
    said = "labels.csv is not what .*photos.* was built from: remove that folder .*builder.name"
    with pytest.raises(UserError, match=said):
        tfdata.DatasetSource(config)


@pytest.mark.parametrize("labels", ["shipped", "given"])
def test_a_labels_file_that_changes_after_the_build_is_noticed(tree, monkeypatch, labels):
    """The one beside the build script, which may be of another version by now, and one of --labels."""
    if labels == "shipped":
        (tree / "labels.csv").rename(tree / "fashion_products.csv")
        monkeypatch.setattr(built, "LABELS", tree)
        _build("fashion_products", tree)
    else:
        _build_tree(tree)
    config, _ = _source("fashion_products", tree)
    config.data.source = str(tree)
    tfdata.DatasetSource(config)
    (path,) = tree.glob("*.csv")
    path.write_text(path.read_text().replace("red", "black"))
    said = f"{path} is not what .* was built from: remove that folder to build it again, or leave --config.data.source"
    with pytest.raises(UserError, match=said) as refused:
        tfdata.DatasetSource(config)
    assert "builder.name" not in str(refused.value)  # which this dataset does not take


def test_photos_that_change_after_the_build_are_noticed(shop):
    """Under the same labels.csv: cropped anew, of the same size, or a folder that is not there; not ones that went."""
    _build("manifest", shop)
    config, _ = _source("manifest", shop, name="photos")
    config.data.source = str(shop)
    photo = shop / "Blusen 0" / "été 3.jpg"
    content = photo.read_bytes()
    said = "été 3.jpg is not what .*photos.* was built from: remove that folder .*builder.name"
    for changed in (content + b"0", content[:-1] + b"0"):
        photo.write_bytes(changed)
        with pytest.raises(UserError, match=said):
            tfdata.DatasetSource(config)
    photo.unlink()
    tfdata.DatasetSource(config)
    config.data.source = str(shop / "none")
    with pytest.raises(UserError, match="source=.*none is not a folder; leave it out to train on what is built"):
        tfdata.DatasetSource(config)


@pytest.mark.parametrize("column", [False, True])
def test_masks_that_come_after_the_build_are_noticed_where_they_would_be_read(tmp_path, column):
    _write_masked(tmp_path, column)
    _build("manifest", tmp_path)
    config, _ = _source("manifest", tmp_path, name="photos")
    config.data.source = str(tmp_path)
    tfdata.DatasetSource(config)
    (tmp_path / "masks" / "more").mkdir()
    Image.new("L", (40, 60), 255).save(tmp_path / "masks" / "more" / "1.png")
    noticed = contextlib.nullcontext() if column else pytest.raises(UserError, match="masks is not what .* built from")
    with noticed:
        tfdata.DatasetSource(config)


def test_a_dataset_that_is_built_again_from_other_labels_has_another_fingerprint(shop):
    prints = []
    for color in ("rot", "rot", "blau"):
        _edit_csv(shop, _set(1, 1, color))
        shutil.rmtree(shop / "built", ignore_errors=True)
        _build("manifest", shop)
        prints.append(_source("manifest", shop, name="photos")[1].fingerprint())
    assert fingerprint.differences(prints[0], prints[1]) == []
    assert fingerprint.differences(prints[1], prints[2]) == ["train has other labels"]


def test_windows_files_are_read(shop):
    """A byte-order mark and CRLF, as spreadsheets write."""
    text = (shop / "labels.csv").read_text(encoding="utf-8").replace("\r\n", "\n")
    (shop / "labels.csv").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    _build("manifest", shop)
    _, source = _source("manifest", shop, name="photos")
    assert source.schema.names == ("Farbe", "größe")


def test_spreadsheets_empty_rows_and_line_breaks_are_forgiven(shop):
    def edit(rows):
        rows[2][1] = "dunkel\nblau"
        return [*rows[:4], ["", "", ""], *rows[4:], ["", "", ""]]

    _edit_csv(shop, edit)
    photos = manifest.read(shop)
    assert photos.schema.attributes[0].values == ("blau", "dunkel blau", "grün", "rot")
    # A row's number is that of its line in the file.
    assert [photo.where.rpartition(" row ")[2].split()[0] for photo in photos.photos[:4]] == ["2", "4", "5", "7"]


def test_a_value_whose_only_photo_hashes_to_test_is_trained_with(shop):
    tested = next(photo for photo in manifest.read(shop).photos if photo.split == "test")
    row = int(tested.where.rpartition(" row ")[2].split()[0]) - 1
    _edit_csv(shop, _set(row, 1, "gelb"))
    moved = next(photo for photo in manifest.read(shop).photos if photo.id == tested.id)
    assert moved.split == "train"


def test_a_schema_file_says_which_columns_count(shop):
    (shop / "schema.json").write_text('{"Farbe": ["rot", "grün", "blau", "gelb"]}', encoding="utf-8")
    _build("manifest", shop)
    _, source = _source("manifest", shop, name="photos")
    assert source.schema.names == ("Farbe",) and source.schema.value_counts == (4,)


def _colors(shop, *colors):
    """Gives the photos these colors in turn."""

    def edit(rows):
        for i, row in enumerate(rows[1:]):
            row[1] = colors[i % len(colors)]

    _edit_csv(shop, edit)


@pytest.mark.parametrize(
    ("colors", "said", "folded"),
    [
        (("Red", "RED", "red", "red", "blue"), "'RED', 'Red' as 'red'", ("blue", "red")),
        (("navy blue", "navy\u00a0blue", "navy  blue", "red"), r"'navy\\xa0blue', 'navy  blue' as 'navy blue'",
         ("navy blue", "red")),
        (("ﬁre", "fire", "fire", "red"), "'ﬁre' as 'fire'", ("fire", "red")),
        (("red", "blue", "NA", "nan", "N/A", "-", "unknown", "?"),
         "'-', 'N/A', 'NA', 'nan', '[?]', 'unknown' as unknown", ("blue", "red")),
        (("red", "blue", "Null", "#N/A", "—"), "'#N/A', 'Null', '—' as unknown", ("blue", "red")),
        (("red", "blue", "<NA>", "missing", "n.a"), "'<NA>', 'missing', 'n.a' as unknown", ("blue", "red")),
        (("red", "red", "red\u200b", "blue"), r"'red\\u200b' as 'red'", ("blue", "red")),
        (("v-neck", "v-neck", "V_neck", "v neck", "hood"), "'V_neck', 'v neck' as 'v-neck'", ("hood", "v-neck")),
        (("none", "buttons"), None, ("buttons", "none")),
        (("10-20", "10 20"), None, ("10 20", "10-20")),
    ],
)  # fmt: skip
def test_words_that_may_mean_the_same_are_named_and_folded_when_asked(shop, colors, said, folded):
    _colors(shop, *colors)
    if said:
        with pytest.raises(UserError, match=f"labels.csv has words that may mean the same: Farbe: .*{said}.*--fold_v"):
            manifest.read(shop)
    kept, photos = manifest.read(shop, fold=False), manifest.read(shop, fold=True)
    assert kept.schema.attributes[0].values == tuple(sorted(set(colors)))
    assert photos.schema.attributes[0].values == folded and len(photos.notes) == bool(said)


def test_words_are_folded_into_those_of_a_schema_file(shop):
    _colors(shop, "RED", "Blue", "-", "na")
    (shop / "schema.json").write_text('{"Farbe": ["Red", "blue", "-"]}')
    with pytest.raises(UserError, match="'RED' as 'Red', 'Blue' as 'blue', 'na' as unknown. data/build.py --fold"):
        manifest.read(shop)
    photos = manifest.read(shop, fold=True).photos
    assert [photo.label for photo in photos[:4]] == [[0], [1], [2], [-1]]


@pytest.mark.parametrize(
    "numbers", [("0.91", "0.874"), ("36", "38"), ("1e-3", "-2"), ("0,5", "0,75"), ("91%", "7 %"), ("1,234.5", "$12")]
)
def test_a_column_of_numbers_is_no_attribute_unless_a_schema_file_says_so(shop, numbers):
    _colors(shop, *numbers)
    with pytest.raises(
        UserError, match=f"column 'Farbe' has numbers .*{re.escape(numbers[0])}.*schema.json beside the file"
    ):
        manifest.read(shop)
    (shop / "schema.json").write_text(json.dumps({"Farbe": numbers}))
    assert manifest.read(shop).schema.attributes[0].values == numbers


def test_what_classify_writes_is_no_manifest_with_confidences_for_attributes(shop):
    header = ["image", "color", "color_confidence", "collar", "collar_confidence"]
    rows = [
        [f"Blusen {i % 3}/été {i}.jpg", "rb"[i % 2], f"0.{900 + i}", "sh"[i % 2], f"0.{500 + i}"] for i in range(30)
    ]
    trees.write_csv(shop / "labels.csv", [header, *rows])
    with pytest.raises(UserError, match="column 'color_confidence' has numbers"):
        manifest.read(shop)


def _with_column(name, cell):
    """An edit that adds a column with a cell for each row from 0 on."""
    return lambda rows: [[*row, name if i == 0 else cell(i - 1)] for i, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("has", "lacks"), [(("train", "test"), ("validation",)), (("train", "validation"), ("test",)),
                       (("train",), ("validation", "test"))]
)  # fmt: skip
def test_splits_that_a_file_does_not_have_are_held_out_of_train_and_said(shop, has, lacks):
    _edit_csv(shop, _with_column("split", lambda i: has[i % len(has)]))
    listed = manifest.read(shop)
    for i, photo in enumerate(listed.photos):
        published = has[i % len(has)]
        assert photo.split == published if published != "train" else photo.split in ("train", *lacks)
    assert {photo.split for photo in listed.photos} == {"train", "validation", "test"}
    assert len(listed.notes) == 1 and f"has no {' and no '.join(lacks)}: held out of train" in listed.notes[0]


def test_a_file_with_all_splits_is_taken_as_it_is(shop):
    words = ("train", "Train", "train", "val", "TEST")
    splits = ("train", "train", "train", "validation", "test")
    _edit_csv(shop, _with_column("split", lambda i: words[i % 5]))
    listed = manifest.read(shop)
    assert [photo.split for photo in listed.photos] == [splits[i % 5] for i in range(30)] and not listed.notes


@pytest.mark.parametrize("split", [None, ("train", "train", "test")])
def test_a_group_is_in_one_split(shop, split):
    if split:
        _edit_csv(shop, _with_column("split", lambda i: split[i // 10]))
    _edit_csv(shop, _with_column("group", lambda i: "" if i == 29 else f"product {i // 2}"))
    listed = manifest.read(shop)
    assert listed.schema.names == ("Farbe", "größe")
    for i in range(0, 28, 2):
        assert listed.photos[i].split == listed.photos[i + 1].split
    assert {photo.split for photo in listed.photos} == {"train", "validation", "test"}


def test_a_group_in_two_splits_is_refused(shop):
    _edit_csv(shop, _with_column("split", lambda i: ("train", "validation", "test")[i % 3]))
    _edit_csv(shop, _with_column("group", lambda i: f"product {i // 2}"))
    with pytest.raises(UserError, match=r"row 3: group 'product 0' is in split 'validation', and in 'train' in row 2"):
        manifest.read(shop)


def _set(row, column, value):
    def edit(rows):
        rows[row][column] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (_set(0, 0, "photo"), "row 1: column 'image' is missing: photo, Farbe"),
        (_set(0, 2, "Farbe"), "row 1: column 'Farbe' stands there twice"),
        (_set(0, 2, "Split"), "row 1: column 'Split': write 'split'"),
        (lambda rows: [[str(i) if i else "", *row] for i, row in enumerate(rows)], "row 1: column 1 has no name"),
        (lambda rows: [*rows, rows[3], rows[5]],
         r"row 32 \(Blusen 2/été 2.jpg\): the photo stands in .*row 4 .* too; .*row 33 .* 2 such rows in all"),
        (lambda rows: [[*row, "gleich"] for row in rows], "attribute 'gleich' has only the value 'gleich'"),
        (lambda rows: [row[:1] for row in rows], "row 1: no column for an attribute beside image"),
        (lambda rows: rows[:1], "has no row below the names of its columns"),
        (lambda rows: [["image", "x"], ["a.jpg", "1", "2"]], "row 2 has more cells than row 1"),
        (lambda rows: [["image", "color", "sku"], *([f"{i}.jpg", "ab"[i % 2], f"n{i}"] for i in range(80))],
         "column 'sku' has 80 values in 80 rows, no attribute"),
    ],
)  # fmt: skip
def test_a_broken_manifest_is_refused(shop, edit, said):
    _edit_csv(shop, edit)
    with pytest.raises(UserError, match=said):
        _build("manifest", shop)


def test_other_encodings_and_empty_files_are_refused(shop):
    path = shop / "labels.csv"
    path.write_bytes(path.read_text(encoding="utf-8").encode("latin-1"))
    with pytest.raises(UserError, match="labels.csv row 1 is not UTF-8: save the file as UTF-8"):
        _build("manifest", shop)
    path.write_text("image;color\na.jpg;red\n")
    with pytest.raises(UserError, match="column 'image' is missing: image;color: its cells are separated by ';'"):
        _build("manifest", shop)
    path.write_text('image,color\na.jpg,"red"\n\nb.jpg,"re"d\n')
    with pytest.raises(UserError, match="labels.csv row 4: ',' expected after"):
        _build("manifest", shop)
    path.write_bytes(b"")
    with pytest.raises(UserError, match="labels.csv is empty"):
        _build("manifest", shop)


def test_a_value_that_only_test_photos_have_is_refused(shop):
    def edit(rows):
        for i, row in enumerate(rows):
            row.append("split" if i == 0 else ("train", "validation", "test")[i // 3 % 3])
        rows[8][1] = "gelb"  # a test photo

    _edit_csv(shop, edit)
    with pytest.raises(UserError, match=r"row 9 .*: no photo of split train has the value 'gelb' of Farbe"):
        _build("manifest", shop)


# Trees with bad photos.


def _spoil(shop):
    """Six bad photos, each in another way, of which one is a test photo; which photo the last one is equal to."""
    rows = {i: shop / f"Blusen {i % 3}/été {i}.jpg" for i in (0, 1, 2, 4, 5, 17)}
    rows[0].unlink()
    rows[1].write_bytes(b"")
    rows[2].write_bytes(rows[2].read_bytes()[:300])
    rows[17].write_bytes(b"this is no picture")
    Image.new("1", (12_000, 10_000)).save(rows[4], "png")
    split_of = {photo.id: photo.split for photo in manifest.read(shop).photos}
    other = next(i for i in range(18, 30) if split_of[f"Blusen {i % 3}/été {i}.jpg"] != "train")
    assert split_of["Blusen 2/été 5.jpg"] == "train" and split_of["Blusen 2/été 17.jpg"] == "test"
    rows[5].write_bytes((shop / f"Blusen {other % 3}/été {other}.jpg").read_bytes())
    return other


def test_bad_photos_are_counted_and_the_first_five_named(shop):
    _spoil(shop)
    with pytest.raises(
        UserError, match=r"6 of 30 photos are bad: ([^;]*labels.csv row [^;]*; ){5}\.\.\. \(data/build.py --skip_bad"
    ):
        _build("manifest", shop)


def test_bad_photos_can_be_left_out_and_are_listed(shop, capsys):
    other = _spoil(shop)
    folder = _build("manifest", shop, skip_bad=True)
    assert "6 photos were left out" in capsys.readouterr().out
    with (folder / "skipped.csv").open(newline="", encoding="utf-8") as file:
        reasons = {row["where"].partition(" row ")[2]: row["reason"] for row in csv.DictReader(file)}
    said = {
        0: "is missing",
        1: "the photo is empty",
        2: "cannot be decoded",
        4: "absurdly large: 12000 x 10000",
        5: f"the same picture as {shop}/labels.csv row {other + 2} ",
        17: "is not an image",
    }
    assert len(reasons) == 6 and list(said) == [int(row.split()[0]) - 2 for row in reasons]
    for i, part in said.items():
        assert part in reasons[f"{i + 2} (Blusen {i % 3}/été {i}.jpg)"]
    config, source = _source("manifest", shop, name="photos")
    assert sum(len(_split(config, source, split)[1]) for split in ("train", "validation", "test")) == 24


# The same on Apache Beam.


@pytest.fixture
def beam():
    """Pipeline options of a runner in this process."""
    pytest.importorskip("apache_beam", reason="needs the extra beam")
    return "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"


def test_beam_builds_the_same_bytes(shop, beam):
    folder = _build("manifest", shop)
    content = {path.name: path.read_bytes() for path in folder.glob("*.tfrecord*")}
    shutil.rmtree(shop / "built")
    folder = _build("manifest", shop, beam=beam)
    assert {path.name: path.read_bytes() for path in folder.glob("*.tfrecord*")} == content


def test_beam_refuses_and_skips_the_same_photos(shop, beam):
    _spoil(shop)
    refusals = []
    for more in ({}, {"beam": beam}):
        with pytest.raises(UserError) as refused:
            _build("manifest", shop, **more)
        refusals.append(str(refused.value))
    assert refusals[0] == refusals[1]
    assert not list((shop / "built").rglob("*.tfrecord*"))
    skipped = []
    for more in ({}, {"beam": beam}):
        skipped.append((_build("manifest", shop, skip_bad=True, **more) / "skipped.csv").read_text())
        shutil.rmtree(shop / "built")
    assert skipped[0] == skipped[1]


def test_a_split_that_is_left_empty_is_refused(tree):
    (tree / "images" / "4.jpg").unlink()
    with pytest.raises(UserError, match="no photo is left in split test"):
        _build_tree(tree, skip_bad=True)


# DeepFashion.

FINE_ROW = "1 0 0 0 1 0 1 1 0 0 0 0 1"


@pytest.fixture
def fine(tmp_path):
    trees.write_fine(tmp_path, {"train": [FINE_ROW] * 4, "val": [FINE_ROW] * 2, "test": [FINE_ROW] * 3})
    return tmp_path


def test_deepfashion_fine_is_built_and_cropped(fine):
    _build("deepfashion", fine)
    config, source = _source("deepfashion", fine, annotation="fine")
    assert source.schema.names == ("texture", "sleeve_length", "dress_length", "neckline", "fabric", "fit")
    image, label = _split(config, source, "train")
    np.testing.assert_array_equal(label, [[0, 2, 1, 0, -1, 1]] * 4)  # no fabric is known
    assert len(_split(config, source, "validation")[1]) == 2 and len(_split(config, source, "test")[1]) == 3
    # The crop is the box and a tenth of its longer side: 76 x 96 pixels, of which the box is 60 x 80.
    blue = (image[0, :, :, 0] < 0).mean()
    assert abs(blue - 60 * 80 / 96**2) < 0.06


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("train_attr.txt", "1 0 0 0 1 0 1 1 0 0 0 0 1\n", "1 1 0 0 1 0 1 1 0 0 0 0 1\n",
         r"train.txt row 1 \(.*\): train_attr.txt row 1: group 1 has 2 ones"),
        ("train_attr.txt", "1 0 0 0 1 0 1 1 0 0 0 0 1\n", "1 0 0\n", "row 1: 3 numbers, where 13 should be"),
        ("val_bbox.txt", "21 060 080 140\n", "21 x 080 140\n", "val_bbox.txt row 2: a box is four whole numbers"),
        ("val_bbox.txt", "21 060 080 140\n", "90 060 080 140\n", r"val.txt row 2 .*the box .* is not within the 100"),
        ("test_attr.txt", "1 0 0 0 1 0 1 1 0 0 0 0 1\n" * 2, "1 0 0 0 1 0 1 1 0 0 0 0 1\n",
         "test_attr.txt has 2 rows, .*test.txt has 3: is one cut off"),
        ("list_attr_cloth.txt", "13\n", "14\n", "list_attr_cloth.txt row 1 says 14 rows, the file has 13"),
        ("list_attr_cloth.txt", "floral 1", "floral 9", "row 3: 'floral 9', where a value and its group, 1 to 6"),
    ],
)  # fmt: skip
def test_a_broken_deepfashion_is_refused(fine, file, old, new, said):
    path = fine / "Anno_fine" / file
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(UserError, match=said):
        _build("deepfashion", fine)


@pytest.fixture
def coarse(tmp_path):
    """Names with spaces, numbers -1, 0 and 1, and all names of the table's values."""
    folder = tmp_path / "Anno_coarse"
    folder.mkdir()
    table = photo_list.read_table(helpers.ROOT / "data" / "deepfashion_coarse.csv", ())[1]
    names = ["abstract chevron print", *(row["names"].split("|")[0] for row in table), "long sleeve"]
    names = list(dict.fromkeys(names))
    trees.counted(folder / "list_attr_cloth.txt", "attribute_name  attribute_type", [f"{n}   3" for n in names])
    present = [("striped", "long sleeve"), ("striped", "floral"), ("denim",), (), ("maxi", "v-neck")]
    images = [f"img/Sheer_Blouse/img_{i:08d}.jpg" for i in range(len(present))]
    for i, image in enumerate(images):
        trees.boxed(tmp_path / image, (20, 60, 80 - i, 140))
    numbers = [" ".join("1" if n in here else "-1" if i % 2 else "0" for n in names) for i, here in enumerate(present)]
    trees.counted(folder / "list_attr_img.txt", "image_name  attribute_labels", map("{}   {}".format, images, numbers))
    trees.counted(folder / "list_bbox.txt", "image_name  x_1  y_1  x_2  y_2", [f"{i}  20  60  80  140" for i in images])
    (tmp_path / "Eval").mkdir()
    splits = ("train", "train", "train", "val", "test")
    trees.counted(
        tmp_path / "Eval" / "list_eval_partition.txt", "image_name  evaluation_status",
        map("{}   {}".format, images, splits),
    )  # fmt: skip
    return tmp_path


def test_deepfashion_coarse_makes_exclusive_attributes(coarse):
    _build("deepfashion", coarse)
    config, source = _source("deepfashion", coarse, annotation="coarse")
    pattern, sleeve, fabric = (source.schema.index(name) for name in ("pattern", "sleeve_length", "fabric"))
    label = _split(config, source, "train")[1]
    named = {(r[pattern], r[sleeve], r[fabric]) for r in label.tolist()}
    # Striped and floral at once is neither; what is not said is unknown.
    assert named == {(1, 2, -1), (-1, -1, -1), (-1, -1, 0)}
    assert len(_split(config, source, "test")[1]) == 1


def test_a_broken_coarse_set_is_refused(coarse):
    path = coarse / "Anno_coarse" / "list_attr_img.txt"
    whole = path.read_text()
    path.write_text(whole.replace(" -1", " -7", 1))
    with pytest.raises(UserError, match=r"list_attr_img.txt row 4 \(img/.*\): .* numbers, where .* 1, 0 or -1"):
        _build("deepfashion", coarse)
    path.write_text("".join(whole.splitlines(True)[:-1]))
    with pytest.raises(UserError, match="list_attr_img.txt row 1 says 5 rows, the file has 4: is it cut off"):
        _build("deepfashion", coarse)
    with pytest.raises(UserError, match="has no annotation set fine: it has coarse"):
        deepfashion.read(coarse, "fine")


def test_numbers_that_are_none_of_the_three_are_refused(coarse):
    path = next(coarse.rglob("list_attr_img.txt"))
    first, _, numbers = path.read_text().partition(" 1 ")
    path.write_text(f"{first} 300 {numbers}")
    with pytest.raises(UserError, match=r"list_attr_img.txt row \d+ \(img/.*\): .* numbers, where .* 1, 0 or -1"):
        _build("deepfashion", coarse)


def test_a_group_needs_a_name_that_the_dataset_has(tmp_path):
    trees.write_csv(tmp_path / "t.csv", [["attribute", "value", "names"], ["fit", "tight", "bodycon|skinny"]])
    with pytest.raises(UserError, match="has none of the names of fit=tight: bodycon, skinny"):
        groups.Groups(tmp_path / "t.csv", ["loose"], tmp_path / "list.txt")


# Shopping100k.


@pytest.fixture
def shopping(tmp_path):
    trees.write_shopping(
        tmp_path, {"train": ["1 0 1 0 0", "0 1 0 0 1", "1 0 0 0 0"] * 20, "test": ["1 0 1 0 0", "0 1 1 0 0"]}
    )
    return tmp_path


def test_shopping100k_is_built_with_its_queries(shopping):
    _build("shopping100k", shopping)
    config, source = _source("shopping100k", shopping)
    assert source.schema.names == ("attribute_1", "attribute_2")
    train, validation = (_split(config, source, split)[1] for split in ("train", "validation"))
    assert len(train) + len(validation) == 60 and 0 < len(validation) < 20
    assert {tuple(label) for label in train.tolist()} == {(0, 0), (1, 2), (0, -1)}
    labels = {int(row): label for b in source.evaluation_batches(config, "test")
              for row, label in zip(b["row"], b["label"].tolist(), strict=True)}  # fmt: skip
    wanted = {(tuple(labels[r]), tuple(t)) for r, t in zip(source.queries.row, source.queries.target, strict=True)}
    assert wanted == {((1, 0), (0, 0)), ((0, 0), (1, 0))}


def test_a_query_of_a_photo_that_is_left_out_goes_with_it(shopping):
    next(shopping.rglob("test dir/1.jpg")).unlink()
    _build("shopping100k", shopping, skip_bad=True)
    _, source = _source("shopping100k", shopping)
    assert source.queries.row.tolist() == [0] and source.queries.target.tolist() == [[1, 0]]


def test_shopping100ks_names_may_be_given(shopping):
    (shopping / "schema.json").write_text('{"sleeve": ["long", "short"], "collar": ["round", "v", "hood"]}')
    assert shopping100k.read(shopping).schema.names == ("sleeve", "collar")
    (shopping / "schema.json").write_text('{"sleeve": ["long", "short"], "collar": ["round", "v"]}')
    with pytest.raises(UserError, match="schema.json"):
        shopping100k.read(shopping)


def test_shopping100k_has_the_published_names(shopping):
    counts = [16, 17, 19, 14, 10, 15, 2, 11, 16, 7, 9, 15]
    (shopping / "attr_num.txt").write_text("\n".join(map(str, counts)))
    row = " ".join(["0"] * sum(counts))
    for name, lines in (("train", 60), ("test", 2)):
        (shopping / f"labels_{name}.txt").write_text(f"{row}\n" * lines)
    (shopping / "gt_test.txt").unlink()
    read = shopping100k.read(shopping)
    assert read.schema.names[:3] == ("category", "collar", "color") and not read.queries
    assert read.schema.value_counts == tuple(counts)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("attr_num.txt", "2\nx\n", "attr_num.txt: 2 x, where numbers of values should be"),
        ("labels_test.txt", "1 0 1 0 0\n", "labels_test.txt has 1 rows, imgs_test.txt has 2"),
        ("labels_test.txt", "1 0 1 0 0\n1 1 0 0 0\n", r"labels_test.txt row 2 \(test dir/1.jpg\): group 1 has 2 ones"),
        ("ref_test.txt", "1\n9\n", "ref_test.txt row 2: '9', where a row of imgs_test.txt"),
        ("gt_test.txt", "1 0 1 0 0\n", "have 2, 2 and 1 rows"),
    ],
)
def test_a_broken_shopping100k_is_refused(shopping, file, content, said):
    (shopping / file).write_text(content)
    with pytest.raises(UserError, match=said):
        _build("shopping100k", shopping)


# Faces and shapes.


@pytest.fixture
def faces(tmp_path):
    present = [{"Black_Hair", "Male", "Young"}, {"Blond_Hair", "Brown_Hair", "No_Beard"}, {"Gray_Hair", "Smiling"}]
    trees.write_faces(tmp_path, present, splits=[0, 1, 2])
    return tmp_path


def test_faces_are_built_with_exclusive_attributes(faces):
    _build("celeb_a", faces)
    config, source = _source("celeb_a", faces)
    labels = {split: source.schema.decode(_split(config, source, split)[1][0]) for split in ("train", "validation")}
    assert labels["train"] | {"hair_form": ""} == labels["train"]
    assert labels["train"]["hair_color"] == "black" and labels["train"]["gender"] == "male"
    assert labels["train"]["age"] == "young" and labels["train"]["beard"] == "yes"
    assert labels["validation"]["hair_color"] == ""  # two at once


def test_faces_are_found_in_the_folders_of_the_archives(faces):
    for folder, name in {
        "Anno": "list_attr_celeba.txt",
        "Eval": "list_eval_partition.txt",
        "Img": "img_align_celeba",
    }.items():
        (faces / folder).mkdir()
        (faces / name).rename(faces / folder / name)
    _build("celeb_a", faces)
    assert len(_split(*_source("celeb_a", faces), "train")[1]) == 1


def _as_csv(faces):
    """The two lists as Kaggle has them."""
    for name, columns in (("list_attr_celeba", None), ("list_eval_partition", "image_id partition")):
        lines = (faces / f"{name}.txt").read_text().splitlines()
        lines = [columns, *lines] if columns else [f"image_id {lines[1]}", *lines[2:]]
        (faces / f"{name}.csv").write_text("".join(",".join(line.split()) + "\n" for line in lines))
        (faces / f"{name}.txt").unlink()


def test_faces_with_lists_as_csv_are_read(faces):
    images = faces / "img_align_celeba"
    images.rename(faces / "moved")
    images.mkdir()
    (faces / "moved").rename(images / "img_align_celeba")
    listed = [(p.id, p.split, p.label, p.read()) for p in celeb_a.read(faces).photos]
    _as_csv(faces)
    _build("celeb_a", faces)
    assert [(p.id, p.split, p.label, p.read()) for p in celeb_a.read(faces).photos] == listed
    text = (faces / "list_attr_celeba.csv").read_text()
    (faces / "list_attr_celeba.csv").write_text(text.replace("-1", "0", 1))
    (photo, *_) = celeb_a.read(faces).photos
    assert photo.fault == "13 numbers, where 13 should be that are 1 or -1" and "row 2 (000001.jpg)" in photo.where
    (faces / "list_eval_partition.csv").write_text("image_id,partition\n000001.jpg,7\n")
    with pytest.raises(UserError, match="list_eval_partition.csv row 2: '000001.jpg 7', where a file name and 0, 1"):
        celeb_a.read(faces)


def test_broken_faces_are_refused(faces):
    path = faces / "list_attr_celeba.txt"
    path.write_text(path.read_text().replace(" 1", " 2", 1))
    with pytest.raises(UserError, match=r"list_attr_celeba.txt row 3 \(000001.jpg\): 13 numbers, where 13 should be"):
        _build("celeb_a", faces)
    (faces / "list_eval_partition.txt").write_text("000001.jpg 5\n")
    with pytest.raises(UserError, match="list_eval_partition.txt row 1: '000001.jpg 5', where a file name and 0, 1"):
        _build("celeb_a", faces)


@pytest.fixture
def shapes(tmp_path):
    pytest.importorskip("h5py")
    trees.write_shapes(tmp_path, 40)
    return tmp_path


def test_shapes_are_built_to_the_last_bit(shapes):
    _build("shapes3d", shapes)
    config, source = _source("shapes3d", shapes)
    config.height = config.width = 64
    image, label = _split(config, source, "train")
    shape = source.schema.index("shape")
    levels = ((image + 1) * 127.5).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(levels, label[:, shape] * 60 + 10, atol=1.0)
    assert source.schema.attributes[shape].values == ("cube", "cylinder", "sphere", "capsule")


def test_photos_can_be_sent_to_other_processes(shapes):
    for photo in shapes3d.read(shapes).photos[:2]:
        assert pickle.loads(pickle.dumps(photo)).read() == photo.read()


def test_shapes_with_other_labels_are_refused(shapes):
    import h5py

    with h5py.File(shapes / "3dshapes.h5", "a") as file:
        file["labels"][7, 3] = 0.9
    with pytest.raises(UserError, match="3dshapes.h5 row 7: labels .*: the scale is none that there should be"):
        _build("shapes3d", shapes)
    (shapes / "cut").mkdir()
    (shapes / "cut" / "3dshapes.h5").write_bytes((shapes / "3dshapes.h5").read_bytes()[:2000])
    with pytest.raises(UserError, match="cannot read images and labels of .*3dshapes.h5"):
        _build("shapes3d", shapes / "cut")


def test_photos_are_prepared_on_many_threads_in_order(shop):
    photos = manifest.read(shop).photos
    ingested = ingest.ingest(photos, shop)
    assert [p.id for p in ingested.photos] == [p.id for p in photos]
    assert all(ingested.content(p)[0] == (shop / p.id).read_bytes() for p in ingested.photos)


# Near copies.


def _scene(seed, size=(90, 120)):
    """A picture with something in it."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (32, 24, 3), np.uint8))
    return coarse.resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def scenes(shop):
    """The shop with a scene in each photo; rows 0 to 3 are one scene, of another size, quality and brightness."""
    paths = [shop / f"Blusen {i % 3}/été {i}.jpg" for i in range(30)]
    for i, path in enumerate(paths):
        _scene(i).save(path, quality=95)
    _scene(0).resize((180, 240)).save(paths[1], quality=90)
    _scene(0).save(paths[2], quality=30)
    _scene(0).point(lambda x: x * 0.95).save(paths[3], quality=95)
    return shop


def _splits_of(photos):
    return [photo.split for photo in sorted(photos, key=lambda photo: int(photo.id.split()[-1][:-4]))]


def test_near_copies_are_kept_in_one_split_and_named(scenes, monkeypatch):
    monkeypatch.setattr(manifest, "split_by_hash", lambda name: ("test", "train", "validation")[len(name) % 3])
    listed = manifest.read(scenes).photos
    for photo, split in zip(listed, ("test", "train", "validation", "test"), strict=False):
        object.__setattr__(photo, "split", split)
    before = _splits_of(listed)
    ingested = ingest.ingest(listed, scenes)
    photos, notes = near_copies.settle(ingested.photos, ingested.hashes)
    assert _splits_of(photos) == ["train"] * 4 + before[4:]
    assert len(notes) == 1 and notes[0].startswith("3 near copies of photos of another split, moved to")
    assert "été 0.jpg) of test, like" in notes[0]


def test_near_copies_stay_in_splits_that_were_given_and_are_named(scenes, capsys):
    splits = ("train", "train", "test", "validation")
    _edit_csv(scenes, _with_column("split", lambda i: splits[i % 4]))
    _build("manifest", scenes)
    said = capsys.readouterr().out
    assert "2 near copies of photos of another split, left where the source has them: " in said
    _, source = _source("manifest", scenes, name="photos")
    assert source.fingerprint()["validation"]["photos"] == 7
    shutil.rmtree(scenes / "built")
    _build("manifest", scenes, settle_copies=False)
    assert "near copies" not in capsys.readouterr().out


def test_other_scenes_and_flat_pictures_are_no_near_copies(shop):
    for i in range(30):
        if i % 2:
            _scene(i).save(shop / f"Blusen {i % 3}/été {i}.jpg")
    ingested = ingest.ingest(manifest.read(shop).photos, shop)
    assert near_copies.settle(ingested.photos, ingested.hashes) == (ingested.photos, [])
