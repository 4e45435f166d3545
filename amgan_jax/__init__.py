"""AMGAN: attribute manipulation of fashion images with generative adversarial networks, in JAX.

editor = amgan_jax.load("DIR")
editor.edit("photo.jpg", color="red", sleeve_length="long").save("edited.png")
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amgan_jax.bundles.ready import ready_weights
    from amgan_jax.editing.photo_editor import EditedPhoto, PhotoEditor, PhotoValues, load
    from amgan_jax.errors import UserError

    __version__: str

__all__ = ["EditedPhoto", "PhotoEditor", "PhotoValues", "UserError", "__version__", "load", "ready_weights"]

_HOMES: dict[str, str] = {
    **dict.fromkeys(("EditedPhoto", "PhotoEditor", "PhotoValues", "load"), "amgan_jax.editing.photo_editor"),
    "UserError": "amgan_jax.errors",
    "ready_weights": "amgan_jax.bundles.ready",
}


def __getattr__(name: str):
    """What is named above, imported when it is first used: JAX takes seconds."""
    if name == "__version__":
        from importlib import metadata

        return metadata.version("amgan-jax")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__():
    return sorted({*globals(), *__all__})
