"""Photos in, edited photos out: what `amgan_jax.load` gives.

The arrays behind it are `editor.Editor`'s.
"""

from collections.abc import Callable, Iterable, Mapping
import dataclasses
import functools
import io
import itertools
import logging
import os
from typing import NamedTuple, TypeVar, overload

import numpy as np
from PIL import Image

from amgan_jax import encoding
from amgan_jax.bundles import ready
from amgan_jax.editing import editor as editor_lib
from amgan_jax.editing import photos, where, words
from amgan_jax.editing.editor import Editor
from amgan_jax.errors import UserError
from amgan_jax.files import local_path
from amgan_jax.schema import Schema

PhotoLike = str | os.PathLike | Image.Image | np.ndarray  # which isinstance takes
Label = Mapping[str, str]  # {attribute: value}
_Result = TypeVar("_Result")

_BATCH = 8  # photos of a list that are edited at once; one photo is edited alone: two shapes are compiled
_SHOWN = 512  # pixels of the longer side of a photo in a notebook
_log = logging.getLogger(__name__)


class _Seen(NamedTuple):
    """A photo, and what the networks see of it."""

    photo: photos.Photo
    letterboxed: photos.Letterboxed


@dataclasses.dataclass(frozen=True)
class PhotoValues:
    """What was read off a photo: values {attribute: value}, and the confidence {attribute: 0 to 1} in each."""

    values: dict[str, str]
    confidence: dict[str, float]


@dataclasses.dataclass(frozen=True, repr=False)
class EditedPhoto:
    """A photo and its edit. A notebook shows both side by side.

    Attributes:
      before: the photo as it was, upright.
      photo: the edited one, with the transparency and colour profile of `before`.
      mask: mode L, of the photo's size: 255 where all was painted anew, 0 where nothing was.
      source: {attribute: value} that the photo has: read off it, or said by the caller.
      target: {attribute: value} that the edit should have.
      confidence: {attribute: 0 to 1} in `source`; 1 where the caller said it.
    """

    before: photos.Photo
    photo: photos.Photo
    mask: Image.Image
    source: dict[str, str]
    target: dict[str, str]
    confidence: dict[str, float]

    @functools.cached_property
    def image(self) -> Image.Image:
        """The edited photo, RGB or RGBA, of the photo's own size."""
        return photos.to_image(self.photo)

    def save(self, path: str | os.PathLike) -> None:
        """Writes the edited photo as a PNG, JPEG, WebP, TIFF or BMP, by the path's suffix.

        Raises:
          UserError: another suffix, or the file cannot be written.
        """
        photos.write(local_path(os.fspath(path)), self.photo)

    def __repr__(self):
        before, after = self.source, self.target
        changes = [f"{name} {before[name]} -> {after[name]}" for name in before if before[name] != after[name]]
        return f"EditedPhoto({', '.join(changes) or 'nothing to change'})"

    def _repr_png_(self) -> bytes:
        """Before and after, side by side, for notebooks."""
        pictures = [Image.fromarray(photo.pixels) for photo in (self.before, self.photo)]
        for picture in pictures:
            picture.thumbnail((_SHOWN, _SHOWN))
        width, height = pictures[0].size
        both = Image.new("RGB", (2 * width, height))
        for i, picture in enumerate(pictures):
            both.paste(picture, (i * width, 0))
        buffer = io.BytesIO()
        both.save(buffer, "PNG")
        return buffer.getvalue()


class PhotoEditor:
    """Edits and classifies photos of any size.

    A photo is a path, a PIL image, or uint8 [h, w], [h, w, 3] or [h, w, 4]. A list of photos gives a list
    of results, in the same order; it is worked on in batches.

    Args:
      system: the networks, as functions on arrays.
    """

    def __init__(self, system: Editor):
        self.system = system

    @property
    def schema(self) -> Schema:
        """The attributes and values that the networks know."""
        return self.system.schema

    @overload
    def edit(
        self,
        photo: PhotoLike,
        /,
        *,
        source: Label | None = None,
        region: str | None = None,
        strength: float = 1.0,
        **values: str,
    ) -> EditedPhoto: ...
    @overload
    def edit(
        self,
        photo: Iterable[PhotoLike],
        /,
        *,
        source: Label | None = None,
        region: str | None = None,
        strength: float = 1.0,
        **values: str,
    ) -> list[EditedPhoto]: ...
    def edit(self, photo, /, *, source=None, region=None, strength=1.0, **values):
        """Gives photos other values: `edit("photo.jpg", color="red", sleeve_length="long")`.

        Args:
          photo: a photo or several.
          source: values that the photos have, where they would be misread.
          region: an attribute, whose change is kept to where it is seen; or x0,y0,x1,y1, pixels of the photo; or the
            path of a mask picture, white where the photo may change.
          strength: how far each pixel goes from the photo (0) to the edit (1).
          **values: the values that the photos should have. An attribute with the name of another argument can only
            be set by `edit_text`.

        Returns:
          An EditedPhoto, or a list of them.

        Raises:
          UserError: an unknown attribute or value (it lists the valid ones), a photo that cannot be read, a region
            outside of it, or a strength beyond 0 to 1.
        """
        return self._edit(photo, values, source or {}, region, strength)

    @overload
    def edit_text(
        self,
        photo: PhotoLike,
        text: str,
        /,
        *,
        tables: Iterable[str | os.PathLike] = (),
        source: Label | None = None,
        region: str | None = None,
        strength: float = 1.0,
    ) -> EditedPhoto: ...
    @overload
    def edit_text(
        self,
        photo: Iterable[PhotoLike],
        text: str,
        /,
        *,
        tables: Iterable[str | os.PathLike] = (),
        source: Label | None = None,
        region: str | None = None,
        strength: float = 1.0,
    ) -> list[EditedPhoto]: ...
    def edit_text(self, photo, text, /, *, tables=(), source=None, region=None, strength=1.0):
        """Edits by words: `edit_text("photo.jpg", "a navy jumper, no buttons")`. What it understood is logged.

        Args:
          photo: a photo or several.
          text: what a shopper would say; `attribute=value` always works.
          tables: JSON files that say what more words mean, see docs/editing.md.
          source: as of `edit`.
          region: as of `edit`.
          strength: as of `edit`.

        Returns:
          An EditedPhoto, or a list of them.

        Raises:
          UserError: as `edit`; or the text contradicts itself, or asks for nothing that the schema has.
        """
        table = words.read_table(local_path(os.fspath(path)) for path in tables)
        parsed = words.parse(text, self.schema, table)
        _log.info("understood: %s", parsed.describe(self.schema))
        return self._edit(photo, self.schema.name_edit(parsed.values), source or {}, region, strength)

    @overload
    def classify(self, photo: PhotoLike, /) -> PhotoValues: ...
    @overload
    def classify(self, photo: Iterable[PhotoLike], /) -> list[PhotoValues]: ...
    def classify(self, photo, /):
        """Reads the values off a photo (PhotoValues) or several (a list); UserError where one cannot be read."""
        return _map_batches(self._classify_batch, photo, self.system.image_size)

    @overload
    def attention(self, photo: PhotoLike, label: Label | None = None, /) -> dict[str, np.ndarray]: ...
    @overload
    def attention(self, photo: Iterable[PhotoLike], label: Label | None = None, /) -> list[dict[str, np.ndarray]]: ...
    def attention(self, photo, label=None, /):
        """Where the attention network sees each attribute's value.

        Args:
          photo: a photo or several.
          label: {attribute: value} to look for; of the other attributes, what is read off the photo.

        Returns:
          {attribute: float32 [h, w] in [0, 1]}, of the photo's size, or a list of them.

        Raises:
          UserError: an unknown attribute or value, or a photo that cannot be read.
        """
        look = functools.partial(self._attention_batch, self._indices(label or {}))
        return _map_batches(look, photo, self.system.image_size)

    def _edit(self, photo, values, source, region, strength):
        """`edit`, with the values as a mapping."""
        if not 0.0 <= strength <= 1.0:
            raise UserError(f"strength={strength}: 0 (the photo as it is) to 1 (the whole edit)")
        region = None if region is None else where.parse(region, self.schema)
        edit = functools.partial(self._edit_batch, self._indices(values), self._indices(source), region, strength)
        return _map_batches(edit, photo, self.system.image_size)

    def _edit_batch(self, values, known, region, strength, batch, image):
        source, confidence = self.system.classify(image)
        source = encoding.with_values(source, known)
        confidence = encoding.with_values(confidence, dict.fromkeys(known, 1.0))
        target = encoding.with_values(source, values)
        edited, mask = self.system.edit(image, source, target, where.attribute_of(region))
        results = []
        for i, (photo, seen) in enumerate(batch):
            after, reached = where.composite(photo, seen, (edited[i], mask[i]), region, strength)
            painted = 255.0 * reached * photos.at_photos_size(mask[i, ..., 0], photo, seen)
            painted = Image.fromarray(np.round(painted).astype(np.uint8))
            before, wanted = self._values(source[i], confidence[i]), self.schema.decode(target[i].tolist())
            results.append(EditedPhoto(photo, after, painted, before.values, wanted, before.confidence))
        return results

    def _classify_batch(self, batch, image):
        label, confidence = self.system.classify(image)
        return [self._values(label[i], confidence[i]) for i in range(len(batch))]

    def _attention_batch(self, values, batch, image):
        maps = self.system.activation_maps(image, encoding.with_values(self.system.classify(image)[0], values))
        return [
            {name: photos.at_photos_size(maps[i, ..., a], photo, seen) for a, name in enumerate(self.schema.names)}
            for i, (photo, seen) in enumerate(batch)
        ]

    def _indices(self, values):
        """{attribute index: value index} of {attribute: value}; UserError where the schema has no such."""
        indices = {self.schema.index(name): value for name, value in values.items()}
        return {a: self.schema.attributes[a].index(value) for a, value in indices.items()}

    def _values(self, label, confidence):
        return PhotoValues(
            self.schema.decode(label.tolist()), dict(zip(self.schema.names, confidence.tolist(), strict=True))
        )


def load(directory: str | os.PathLike) -> PhotoEditor:
    """The editor of a trained workdir, of a bundle, or of ready weights by their name.

    Raises:
      UserError: it is none of these, is not trained yet, or is damaged.
    """
    return PhotoEditor(editor_lib.load(ready.find(directory)))


def _map_batches(
    work: Callable[[list[_Seen], np.ndarray], list[_Result]], photo, size: tuple[int, int]
) -> _Result | list[_Result]:
    """What `work(photos, images float32 [B, H, W, 3])` makes of a photo, or of each photo of several."""
    if isinstance(photo, PhotoLike):
        seen = _see(photo, size)
        return work([seen], seen.letterboxed.image[None])[0]
    if not isinstance(photo, Iterable):
        raise UserError(_not_a_photo(photo))
    results, rest = [], iter(photo)
    while batch := [_see(each, size) for each in itertools.islice(rest, _BATCH)]:
        padded = [*batch, *batch[-1:] * (_BATCH - len(batch))]  # so that one shape is compiled
        results += work(batch, np.stack([seen.letterboxed.image for seen in padded]))
    return results


def _see(photo, size):
    """A photo of any kind, read and fitted into the networks' size."""
    read = _read(photo)
    return _Seen(read, photos.letterbox(read, *size))


def _read(photo):
    if isinstance(photo, str | os.PathLike):
        return photos.read(local_path(os.fspath(photo)))
    if isinstance(photo, np.ndarray):
        channels = photo.shape[2:]
        if photo.dtype != np.uint8 or channels not in ((), (3,), (4,)) or 0 in photo.shape or photo.ndim < 2:
            raise UserError(
                f"an array of {photo.dtype} {list(photo.shape)} is no photo: uint8 [h, w], [h, w, 3] or [h, w, 4];"
                " several photos are a list"
            )
        photo = Image.fromarray(photo)
    if not isinstance(photo, Image.Image):
        raise UserError(_not_a_photo(photo))
    return photos.upright(photo)


def _not_a_photo(thing):
    return f"a {type(thing).__name__} is no photo: give a path, a PIL image, a uint8 array, or a list of these"
