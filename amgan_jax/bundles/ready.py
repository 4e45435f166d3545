"""Ready weights: bundles that come with the package, by name."""

import os
import pathlib

from amgan_jax.errors import UserError, check_known
from amgan_jax.files import local_path

FOLDER = pathlib.Path(__file__).parents[1] / "weights"  # a bundle a folder


def ready_weights() -> list[str]:
    """The names of the weights that come with the package: `load(name)` and `--weights=name` take them."""
    return sorted(path.parent.name for path in FOLDER.glob("*/config.json"))


def names() -> str:
    """Of all ready weights, for messages."""
    return ", ".join(ready_weights()) or "there are none"


def folder_of(name: str) -> pathlib.Path:
    """The bundle of ready weights; UserError names those that there are."""
    check_known("ready weights", name, ready_weights())
    return FOLDER / name


def find(path_or_name: str | os.PathLike) -> pathlib.Path:
    """The folder of that path; where there is none, that of the ready weights of that name.

    Raises:
      UserError: there is neither.
    """
    name = os.fspath(path_or_name)
    folder = local_path(name)
    if folder.exists():
        return folder
    if name not in ready_weights():
        raise UserError(f"{name} is no folder, and no name of ready weights: {names()}")
    return FOLDER / name
