"""Photos of any kind and size in, edited photos out."""

import io

import numpy as np
from PIL import Image
import pytest

import amgan_jax
from amgan_jax import garments
from amgan_jax.editing import editor, photo_editor, photos
from amgan_jax.training import state
from amgan_jax.workdir import CLASSIFIERS
from tests import helpers

_LAZY = """
import sys
import amgan_jax
assert "load" in dir(amgan_jax) and amgan_jax.UserError.__name__ == "UserError"
heavy = {"jax", "flax", "tensorflow", "matplotlib", "absl", "numpy"} & set(sys.modules)
assert not heavy, heavy
import logging
assert not logging.root.handlers
amgan_jax.load
heavy = {"tensorflow", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""


class Known:
    """A system whose answers are known: it adds 0.4 to red where asked for red, and reads red off bright ones."""

    schema = garments.SCHEMA
    image_size = (32, 24)

    def __init__(self):
        self.batches = []

    def classify(self, image):
        self.batches.append(len(image))
        label = np.zeros((len(image), 5), np.int32)
        label[:, 2] = np.where(image[:, 16, 12].mean(axis=-1) > 0.0, 1, 2)  # of the middle: photos are fitted on white
        return label, np.full((len(image), 5), 0.75, np.float32)

    def edit(self, image, source, target, region):
        asked = np.any(source != target, axis=1)[:, None, None, None]
        return image + 0.4 * asked, np.where(asked, 0.5, 0.0) * np.ones_like(image[..., :1])

    def activation_maps(self, image, label):
        return np.tile(label[:, None, None, :] / 10.0, (1, *self.image_size, 1)).astype(np.float32)


@pytest.fixture
def known():
    return photo_editor.PhotoEditor(Known())


def _photo(level, size=(61, 40)):
    return Image.new("RGB", size, (level, level, level))


def test_importing_the_package_imports_nothing_heavy():
    result = helpers.run("-c", _LAZY)
    assert result.returncode == 0, result.stderr
    assert amgan_jax.__version__ and issubclass(amgan_jax.UserError, Exception)
    with pytest.raises(AttributeError, match="has no attribute 'lod'"):
        _ = amgan_jax.lod


def test_an_edit_has_the_photos_size_and_says_what_it_did(known, tmp_path):
    colors = garments.SCHEMA.attributes[2].values
    result = known.edit(_photo(51), color=colors[4], source={"collar": "hood"})
    assert result.image.size == result.mask.size == (61, 40) and result.image.mode == "RGB"
    assert np.abs(np.asarray(result.image).astype(int) - 102).max() <= 1
    assert set(np.asarray(result.mask).flat) == {128}
    assert result.source["color"] == colors[2] and result.target == result.source | {"color": colors[4]}
    assert result.source["collar"] == "hood" and result.confidence["collar"] == 1.0
    assert result.confidence["color"] == 0.75
    assert repr(result) == f"EditedPhoto(color {colors[2]} -> {colors[4]})"
    result.save(tmp_path / "edited.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "edited.png")), np.asarray(result.image))
    shown = np.asarray(Image.open(io.BytesIO(result._repr_png_())))
    assert shown.shape == (40, 122, 3) and np.abs(shown[:, :61].astype(int) - 51).max() == 0
    with pytest.raises(amgan_jax.UserError, match=r"should end in \.png"):
        result.save(tmp_path / "edited.doc")


def test_photos_come_as_paths_images_and_arrays(known, tmp_path):
    _photo(51).save(tmp_path / "a.png")
    grey = np.full((40, 61), 51, np.uint8)
    clear = np.dstack([grey] * 4)
    for photo in (tmp_path / "a.png", str(tmp_path / "a.png"), _photo(51), grey, np.dstack([grey] * 3)):
        assert known.edit(photo, color="blue").image.getpixel((0, 0)) in ((101,) * 3, (102,) * 3)
    assert known.edit(clear, color="blue").image.mode == "RGBA"
    for wrong in (None, 3, grey.astype(float), np.zeros((2, 40, 61, 3), np.uint8), np.zeros((0, 61), np.uint8)):
        with pytest.raises(amgan_jax.UserError, match="is no photo"):
            known.edit(wrong, color="blue")
    with pytest.raises(amgan_jax.UserError, match="a NoneType is no photo"):
        known.classify([_photo(51), None])


def test_a_list_gives_a_list_in_batches_of_one_shape(known):
    levels = [10 * i for i in range(19)]
    results = known.edit((_photo(level, (20, 15 + level)) for level in levels), color="black")
    assert known.system.batches == [8, 8, 8]
    for level, result in zip(levels, results, strict=True):
        assert result.image.size == (20, 15 + level)
        assert abs(result.image.getpixel((0, 0))[0] - level - 51) <= 1
    assert known.edit([], color="blue") == []
    assert [values.values["color"] for values in known.classify([_photo(10), _photo(200)])] == [
        garments.SCHEMA.attributes[2].values[i] for i in (2, 1)
    ]


def test_a_region_may_be_a_rectangle_of_the_photo(known):
    before = _photo(51)
    result = known.edit(before, color="black", region="10,0,9999,9999")
    column = np.asarray(result.image)[5, :, 0].astype(int)
    assert (column[:10] == 51).all() and abs(column[-1] - 102) <= 1
    assert not np.asarray(result.mask)[:, :10].any()
    with pytest.raises(amgan_jax.UserError, match="is empty"):
        known.edit(before, color="black", region="5,5,5,9")


def test_strength_is_how_far_each_pixel_goes(known):
    assert abs(known.edit(_photo(51), color="black", strength=0.5).image.getpixel((0, 0))[0] - 76) <= 1
    assert known.edit(_photo(51), color="black", strength=0.0).image.getpixel((0, 0)) == (51,) * 3
    for wrong in (-0.1, 1.5, float("nan")):
        with pytest.raises(amgan_jax.UserError, match="strength=.*0 .* to 1"):
            known.edit(_photo(51), color="black", strength=wrong)


def test_wrong_words_name_the_right_ones(known):
    with pytest.raises(amgan_jax.UserError, match="unknown attribute 'colour': sleeve_length, collar, color"):
        known.edit(_photo(51), colour="red")
    with pytest.raises(amgan_jax.UserError, match="unknown value 'loud' for color: "):
        known.edit(_photo(51), source={"color": "loud"}, color="red")
    with pytest.raises(amgan_jax.UserError, match="unknown value 3 for color: "):
        known.attention(_photo(51), {"color": 3})
    with pytest.raises(amgan_jax.UserError, match="unknown attribute 'hem'"):
        known.edit(_photo(51), region="hem", color="red")


def test_an_edit_may_be_in_words(known, tmp_path):
    (tmp_path / "mine.json").write_text('{"words": {"fastening=zip": "sleek"}}')
    result = known.edit_text(_photo(51), "navy, sleek", tables=[tmp_path / "mine.json"])
    assert (result.target["color"], result.target["fastening"]) == ("blue", "zip")
    with pytest.raises(amgan_jax.UserError, match="contradict each other"):
        known.edit_text(_photo(51), "red, blue")


def test_attention_is_by_attribute_and_of_the_photos_size(known):
    maps = known.attention(_photo(51), {"collar": "hood"})
    assert list(maps) == list(garments.SCHEMA.names)
    hood = garments.SCHEMA.attributes[1].index("hood")
    for name, expected in (("collar", hood / 10.0), ("color", 0.2), ("pattern", 0.0)):
        np.testing.assert_allclose(maps[name], np.full((40, 61), expected), atol=1e-6)


def test_it_is_the_systems_edit_of_what_the_networks_see():
    config = helpers.tiny_config()
    classifiers = {n: state.init_classifier(config, n, garments.SCHEMA).variables for n in CLASSIFIERS}
    system = editor.Editor(config, garments.SCHEMA, state.init_amgan(config, garments.SCHEMA).ema, classifiers)
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    photo = photos.Photo(pixels, None)
    seen = photos.letterbox(photo, *system.image_size)
    source, confidence = system.classify(seen.image[None])
    target = source.copy()
    target[0, 2] = (source[0, 2] + 1) % 7
    edited, mask = system.edit(seen.image[None], source, target, 1)
    value = garments.SCHEMA.attributes[2].values[target[0, 2]]
    result = photo_editor.PhotoEditor(system).edit(pixels, color=value, region="collar")
    expected = photos.apply_change(photo, seen, edited[0], mask[0]).pixels
    np.testing.assert_array_equal(np.asarray(result.image), expected)
    assert list(result.confidence.values()) == confidence[0].tolist()
    assert abs(np.asarray(result.mask).mean() / 255.0 - mask[0, 4:-4].mean()) < 0.05


def test_what_is_no_system_is_refused(tmp_path):
    with pytest.raises(amgan_jax.UserError, match="nothing is no folder, and no name of ready weights"):
        amgan_jax.load(tmp_path / "nothing")
    with pytest.raises(amgan_jax.UserError, match="has no config.json"):
        amgan_jax.load(str(tmp_path))
