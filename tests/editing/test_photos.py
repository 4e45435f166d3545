"""People's pictures in and out."""

import pathlib
import struct

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps
import pillow_heif
import pytest

from amgan_jax.editing import photos
from amgan_jax.errors import UserError


def _gradient(width=37, height=53):
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.stack([x, y, 255 - x], axis=-1).astype(np.uint8)


def _save(path, mode="RGB", **options):
    image = Image.fromarray(_gradient())
    image = image.quantize(64) if mode == "P" else image.convert(mode)
    image.save(path, **options)
    return path


@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.jpg", "RGB"), ("a.jpg", "CMYK"), ("a.jpg", "L"), ("a.png", "P"), ("a.png", "1"), ("a.webp", "RGB"),
     ("a.png", "LA"), ("a.gif", "P"), ("a.png", "RGBA")],
)  # fmt: skip
def test_reads_any_colour_mode_as_rgb(tmp_path, name, mode):
    photo = photos.read(_save(tmp_path / name, mode))
    assert photo.pixels.shape == (53, 37, 3) and photo.pixels.dtype == np.uint8
    grey = photo.pixels.astype(float).mean(axis=-1)
    assert np.corrcoef(grey.ravel(), _gradient().mean(axis=-1).ravel())[0, 1] > (0.3 if mode == "1" else 0.95)


def test_sixteen_bit_grey_keeps_its_range(tmp_path):
    deep = np.linspace(0, 65535, 100).reshape(10, 10)
    Image.fromarray(deep.astype(np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray((deep / 8).astype(np.uint16)).save(tmp_path / "dark.png")
    Image.fromarray((deep / 65535).astype(np.float32)).save(tmp_path / "deep.tiff")
    expected = deep / 257
    for name, scale in (("deep.png", 1.0), ("dark.png", 1 / 8), ("deep.tiff", 1.0)):
        assert np.abs(photos.read(tmp_path / name).pixels[..., 0] - expected * scale).max() <= 1.0


@pytest.mark.parametrize("orientation", range(10))
def test_turns_a_photo_upright(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation  # 0 and 9 mean nothing
    path = _save(tmp_path / "turned.png", exif=exif)
    with Image.open(path) as image:
        np.testing.assert_array_equal(photos.read(path).pixels, np.asarray(ImageOps.exif_transpose(image)))


def test_broken_exif_does_not_spoil_a_photo(tmp_path):
    junk = photos.read(_save(tmp_path / "junk.png", exif=b"Exif\0\0junk"))
    np.testing.assert_array_equal(junk.pixels, _gradient())
    # Turned by 90 degrees, and a resolution (0x011A) that is a text.
    entries = struct.pack("<HHIIHHI4s", 0x0112, 3, 1, 6, 0x011A, 2, 4, b"abc")
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + struct.pack("<I", 0)
    assert photos.read(_save(tmp_path / "text.jpg", exif=exif)).pixels.shape == (37, 53, 3)


def test_a_colour_profile_comes_back_where_it_still_holds(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for mode, kept in (("RGB", profile), ("CMYK", None)):
        photo = photos.read(_save(tmp_path / "in.jpg", mode, icc_profile=profile))
        for name in ("out.png", "out.jpg", "out.webp", "out.tiff"):
            photos.write(tmp_path / name, photo)
            with Image.open(tmp_path / name) as image:
                assert image.info.get("icc_profile") == kept


def test_a_format_that_cannot_take_the_size_is_refused(tmp_path):
    wide = photos.Photo(np.zeros((1, 17_000, 3), np.uint8), None)
    with pytest.raises(UserError, match="cannot write .*wide.webp: .*16383.*; .png takes any size"):
        photos.write(tmp_path / "wide.webp", wide)


def test_home_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    _save(tmp_path / "a.png")
    assert photos.find("~/a.png") == photos.find("~/*.png") == [tmp_path / "a.png"]


def test_transparency_is_white_when_read_and_comes_back_when_written(tmp_path):
    rgba = np.dstack([_gradient(), np.full((53, 37), 255, np.uint8)])
    rgba[:10, :, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "clear.png")
    photo = photos.read(tmp_path / "clear.png")
    assert (photo.pixels[:10] == 255).all()
    photos.write(tmp_path / "again.png", photo)
    with Image.open(tmp_path / "again.png") as again:
        np.testing.assert_array_equal(np.asarray(again)[..., 3], rgba[..., 3])
    shadow = np.dstack([_gradient(), np.tile(np.arange(37, dtype=np.uint8) * 7, (53, 1))])
    Image.fromarray(shadow).save(tmp_path / "shadow.png")
    photos.write(tmp_path / "again.png", photos.read(tmp_path / "shadow.png"))
    with Image.open(tmp_path / "again.png") as again:
        change = (np.asarray(again)[..., :3].astype(float) - shadow[..., :3]) * shadow[..., 3:] / 255
        assert np.abs(change).max() <= 1.0  # as far as it can be seen
    photos.write(tmp_path / "again.jpg", photo)
    assert photos.read(tmp_path / "again.jpg").alpha is None


@pytest.mark.parametrize("size", [(53, 37), (1, 1), (7, 501), (640, 480)])
def test_no_change_leaves_every_pixel_at_any_size(size):
    photo = photos.Photo(np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8), None)
    seen = photos.letterbox(photo, 32, 24)
    assert seen.image.shape == (32, 24, 3)
    result = photos.apply_change(photo, seen, seen.image, np.ones((32, 24, 1), np.float32))
    np.testing.assert_array_equal(result.pixels, photo.pixels)


def test_a_change_lands_where_it_was_made_and_keeps_detail():
    rng = np.random.default_rng(0)
    photo = photos.Photo(rng.integers(100, 140, (320, 240, 3), dtype=np.uint8), None)
    seen = photos.letterbox(photo, 32, 24)
    edited = seen.image.copy()
    edited[:16] += 0.4  # the upper half is lighter by a fifth of the range: 51 levels
    result = photos.apply_change(photo, seen, edited, np.ones((32, 24, 1), np.float32)).pixels.astype(int)
    np.testing.assert_allclose(result[:140] - photo.pixels[:140], 51, atol=1)
    np.testing.assert_array_equal(result[180:], photo.pixels[180:])


def test_letterboxing_keeps_the_shape_on_white():
    photo = photos.Photo(np.zeros((100, 50, 3), np.uint8), None)
    seen = photos.letterbox(photo, 32, 32)
    assert seen.box == (0, 8, 32, 16)
    assert (
        (seen.image[:, :8] == 1.0).all() and (seen.image[:, 8:24] == -1.0).all() and (seen.image[:, 24:] == 1.0).all()
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b"hello, I am no picture", "is not a picture"), (None, "cannot be decoded")],
)
def test_what_is_no_photo_is_named(tmp_path, content, said):
    path = _save(tmp_path / "bad.jpg")
    path.write_bytes(path.read_bytes()[:-300] if content is None else content)
    with pytest.raises(UserError, match=f"bad.jpg {said}"):
        photos.read(path)


def test_a_pattern_that_matches_nothing_is_refused(tmp_path):
    with pytest.raises(UserError, match="matches no file"):
        photos.find(str(tmp_path / "*.jpg"))


def test_a_suffix_that_names_no_picture_is_refused(tmp_path):
    with pytest.raises(UserError, match="should end in .png"):
        photos.write(tmp_path / "a.txt", photos.Photo(_gradient(), None))


def test_reads_what_phones_take(tmp_path):
    """HEIC and AVIF, each turned as it should be."""
    picture = Image.fromarray(_gradient())
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    picture.save(tmp_path / "a.avif", quality=90)
    picture.save(tmp_path / "turned.avif", quality=90, exif=turned)
    pillow_heif.from_pillow(picture).save(tmp_path / "a.heic", quality=90)
    for name in ("a.avif", "a.heic"):
        assert np.abs(photos.read(tmp_path / name).pixels.astype(int) - _gradient()).mean() < 5
    upright = photos.read(tmp_path / "turned.avif").pixels
    assert np.abs(upright.astype(int) - np.rot90(_gradient(), -1)).mean() < 5
    (tmp_path / "cut.heic").write_bytes((tmp_path / "a.heic").read_bytes()[:200])
    with pytest.raises(UserError, match="cut.heic cannot be decoded"):
        photos.read(tmp_path / "cut.heic")


@pytest.mark.parametrize(
    ("pattern", "root"),
    [("in/*.jpg", "in"), ("in/**/*.jpg", "in"), ("in/*/b/c.jpg", "in"), ("*.jpg", "."), ("/in/a[b]/c.jpg", "/in")],
)
def test_the_root_of_a_pattern_is_the_folder_that_it_names(pattern, root):
    assert photos.root_of(pattern) == pathlib.Path(root)
