"""What the page shows of a photo, as functions of an editor and files. Nothing here knows of Gradio."""

import dataclasses
import pathlib
import shutil

import numpy as np
from PIL import Image

from amgan_jax import garments
from amgan_jax.editing import photos, words
from amgan_jax.editing.photo_editor import PhotoEditor, PhotoValues
from amgan_jax.errors import UserError
from amgan_jax.schema import Schema

Label = dict[str, str]  # {attribute: value}

_PHOTOS = pathlib.Path(__file__).parents[1] / "samples"
_SAMPLES = 4  # of rendered garments
_SAMPLE_SIZE = (384, 384)  # pixels: larger than the networks', as photos are
_GRID_SIZE = 384  # pixels of the longer side of a grid's pictures
_SHOWN_BY_BROWSERS = (".png", ".jpg", ".jpeg", ".webp")
_PAINT = (255, 64, 129)  # of the mask, a colour that few garments have


@dataclasses.dataclass(frozen=True)
class Opened:
    """A photo that can be read: its file, one that a browser shows upright, and what was read off it."""

    path: pathlib.Path
    shown: pathlib.Path
    read: PhotoValues


@dataclasses.dataclass(frozen=True)
class Edit:
    """An edit: files of the photo and of the edited one, the mask over the photo, and what was asked, in words."""

    before: pathlib.Path
    after: pathlib.Path
    overlay: Image.Image
    asked: str


def warm_up(editor: PhotoEditor) -> None:
    """Edits a blank photo, so that everything is compiled before somebody waits for it."""
    blank = Image.new("RGB", _SAMPLE_SIZE, "white")
    attribute = editor.schema.attributes[0]
    seen = editor.classify(blank).values[attribute.name]
    editor.edit(blank, **{attribute.name: next(value for value in attribute.values if value != seen)})


def has_samples(schema: Schema) -> bool:
    """Whether there are pictures to try: the networks know the attributes that these have."""
    return schema.names == garments.SCHEMA.names


def write_samples(schema: Schema, folder: pathlib.Path) -> list[pathlib.Path]:
    """Pictures to try, which stand in a folder after the first call: rendered garments where the schema is theirs.

    Rendering them takes seconds; else these are photos.
    """
    if schema == garments.SCHEMA:
        return _render_samples(folder)
    originals = sorted(_PHOTOS.glob("*.jpg"))
    for path in originals:
        if not (folder / path.name).exists():
            shutil.copy(path, folder)
    return [folder / path.name for path in originals]


def _render_samples(folder):
    paths = [folder / f"garment {i + 1}.png" for i in range(_SAMPLES)]
    if all(path.exists() for path in paths):
        return paths
    counts = garments.SCHEMA.value_counts
    label = np.stack([(1 + 2 * np.arange(_SAMPLES) + a) % n for a, n in enumerate(counts)], axis=-1)
    nuisance = np.stack([np.full(_SAMPLES, _SAMPLES), np.arange(_SAMPLES)], axis=-1)
    images = garments.render_batch(label.astype(np.int32), nuisance.astype(np.int32), _SAMPLE_SIZE)
    for path, image in zip(paths, np.asarray(images), strict=True):
        Image.fromarray(np.round((image + 1.0) * 127.5).astype(np.uint8)).save(path)
    return paths


def open_photo(editor: PhotoEditor, path: pathlib.Path, folder: pathlib.Path) -> Opened:
    """Reads a photo, and writes one that browsers show into a folder.

    Raises:
      UserError: it is no photo. It names the file and not its folder, which is the server's.
    """
    try:
        photo = photos.read(path)
    except UserError as error:
        raise UserError(str(error).replace(str(path), path.name)) from error
    shown = _new_file(folder, path, "upright")
    photos.write(shown, photo)
    return Opened(path, shown, editor.classify(photos.to_image(photo)))


def edit(editor: PhotoEditor, photo: Opened, source: Label, asked: Label, folder: pathlib.Path) -> Edit:
    """Edits a photo, and writes it to a new file in a folder, in the photo's own format where browsers show it.

    Raises:
      UserError: nothing is asked, or the photo has it already.
    """
    wanted = {name: value for name, value in asked.items() if value != source[name]}
    if not wanted:
        raise UserError("nothing to change: choose a value under “should be” that the garment does not have yet")
    edited = editor.edit(photo.path, source=source, **wanted)
    after = _new_file(folder, photo.path, "edited")
    edited.save(after)
    return Edit(photo.shown, after, overlay(edited.before.pixels, edited.mask), describe(wanted))


def _new_file(folder, path, what):
    """`photo edited 3.jpg`, the third file in a folder; PNG where a browser would not show the photo's format."""
    suffix = path.suffix.lower() if path.suffix.lower() in _SHOWN_BY_BROWSERS else ".png"
    return folder / f"{path.stem} {what} {1 + len(list(folder.iterdir()))}{suffix}"


def describe(label: Label) -> str:
    """`sleeve length: long, color: red`."""
    return ", ".join(f"{title(name)}: {title(value)}" for name, value in label.items())


def title(name: str) -> str:
    """The name of an attribute or value, as people write it."""
    return name.replace("_", " ")


def overlay(pixels_HxWx3: np.ndarray, mask: Image.Image) -> Image.Image:
    """A photo in grey, with what was painted anew in colour."""
    grey = Image.fromarray(pixels_HxWx3).convert("L").convert("RGB")
    paint = Image.new("RGB", grey.size, _PAINT)
    return Image.composite(Image.blend(grey, paint, 0.7), grey, mask)


def grid(editor: PhotoEditor, photo: Opened, source: Label, attribute: str) -> list[tuple[Image.Image, str]]:
    """The photo, made small, with each value of an attribute: (picture, value), in the schema's order."""
    small = photos.to_image(photos.read(photo.path))
    small.thumbnail((_GRID_SIZE, _GRID_SIZE))
    values = editor.schema.attributes[editor.schema.index(attribute)].values
    return [(editor.edit(small, source=source, **{attribute: value}).image, title(value)) for value in values]


def understand(schema: Schema, text: str) -> tuple[Label, str]:
    """What a text asks for, and that in words.

    Raises:
      UserError: it asks for nothing that the schema has, or contradicts itself.
    """
    parsed = words.parse(text, schema, words.read_table([]))
    return schema.name_edit(parsed.values), parsed.describe(schema)
