"""Paths that people name, and files that are written whole."""

import os
import pathlib
import tempfile

from amgan_jax.errors import UserError

_DEVICES = pathlib.Path("/dev")


def local_path(text: str) -> pathlib.Path:
    """A path that a flag names, where ~ is the home folder; UserError for a URL such as gs://bucket."""
    if "://" in text:
        raise UserError(f"{text} is a URL: mount what it stands for, and name the folder")
    return pathlib.Path(text).expanduser()


def write_atomically(path: pathlib.Path, content: str | bytes) -> None:
    """Writes a file so that it is there whole or not at all. Devices and pipes are written to, not replaced.

    Raises:
      UserError: the file cannot be written.
    """
    # File names need not be UTF-8.
    data = content.encode(errors="surrogateescape") if isinstance(content, str) else content
    try:
        if path.parent == _DEVICES or path.is_fifo():
            path.write_bytes(data)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
