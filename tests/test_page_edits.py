"""What the page shows, without a browser."""

import dataclasses

import numpy as np
from PIL import Image
import pytest

from amgan_jax import garments
from amgan_jax.editing import photo_editor
from amgan_jax.errors import UserError
from amgan_jax.page import edits
from amgan_jax.schema import Attribute, Schema
from tests.editing.test_photo_editor import Known


def test_all_values_of_an_attribute_are_in_the_schemas_order(tmp_path):
    editor = photo_editor.PhotoEditor(Known())
    path = tmp_path / "photo.bmp"
    Image.new("RGB", (61, 40), (51, 51, 51)).save(path)
    photo = edits.open_photo(editor, path, tmp_path)
    assert photo.shown.suffix == ".png"  # not all browsers show the photo's own format
    drawn = edits.grid(editor, photo, photo.read.values, "color")
    assert [value for _, value in drawn] == list(Known.schema.attributes[2].values)
    changed = [np.asarray(picture).mean() > 60 for picture, _ in drawn]
    assert changed == [value != "green" for _, value in drawn]
    with pytest.raises(UserError, match="nothing to change"):
        edits.edit(editor, photo, photo.read.values, {"color": "green"}, tmp_path)


def test_samples_are_of_the_networks_kind(tmp_path):
    more = [dataclasses.replace(a, values=(*a.values, "other")) for a in garments.SCHEMA.attributes]
    photos = edits.write_samples(Schema(tuple(more)), tmp_path)
    assert edits.has_samples(Schema(tuple(more))) and len(photos) == 2
    for photo in photos:
        assert photo.parent == tmp_path and photo.stat().st_size < 60_000
        with Image.open(photo) as picture:
            assert max(picture.size) == 256 and not picture.getexif()
    assert not edits.has_samples(Schema((Attribute("hair", ("brown", "grey")),)))
