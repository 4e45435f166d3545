"""What the commands for people's photos share: reading them and feeding them in batches."""

from collections.abc import Iterator
import logging
import pathlib

import numpy as np

from amgan_jax.editing import photos
from amgan_jax.editing.editor import Editor
from amgan_jax.errors import UserError

_BATCH = 8  # photos at once; a part is padded, so that one shape is compiled
_log = logging.getLogger(__name__)

Loaded = tuple[pathlib.Path, photos.Photo, photos.Letterboxed]


def read_batches(
    paths: list[pathlib.Path], editor: Editor, skip_bad: bool
) -> Iterator[tuple[list[Loaded], np.ndarray]]:
    """Photos in batches: what was read, and images float32 [8, H, W, 3] of which the first ones are theirs.

    Args:
      paths: picture files.
      editor: whose `image_size` the images get.
      skip_bad: whether a photo that cannot be read is named and left out.

    Raises:
      UserError: a photo cannot be read and skip_bad is off, or none can be read.
    """
    any_read = False
    for start in range(0, len(paths), _BATCH):
        loaded = []
        for path in paths[start : start + _BATCH]:
            try:
                photo = photos.read(path)
            except UserError as error:
                if not skip_bad:
                    raise UserError(f"{error} (--skip_bad leaves such files out)") from error
                _log.warning("skipped: %s", error)
                continue
            loaded.append((path, photo, photos.letterbox(photo, *editor.image_size)))
        if loaded:
            any_read = True
            images = [seen.image for _, _, seen in loaded]
            yield loaded, np.stack(images + [images[-1]] * (_BATCH - len(images)))
    if not any_read:
        raise UserError(f"none of the {len(paths)} files of --images can be read")
