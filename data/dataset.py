"""What makes a dataset, and how data/build.py finds it: a file of its name in this folder that defines DATASET."""

from collections.abc import Callable
import dataclasses
import importlib
import pathlib
import re

_DEFINES = re.compile(r"^DATASET = ", re.MULTILINE)  # by text: what defines none may need what is not installed


def _define_none():
    """Defines no flags."""


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A dataset that is read from a source folder, or rendered.

    summary: what it is and whose, in a line.
    read: gives the `photo_list.PhotoList` of a source folder, which it is called with, and with the values of
      `flags` by name; None where there is no source.
    render: gives the builder of what needs no source, a `labelled_images.LabelledImages`; called with the values
      of `flags`, and data_dir.
    marks: files and folders, any of which tells that a source is laid out as this dataset's.
    flags: names of those flags of data/build.py that it takes beside those of all photos.
    define_flags: defines these; datasets that share flags share the function.
    watched: files of the source that people go on editing, so that a change after the build is noticed.
    """

    summary: str
    read: Callable | None = None
    render: Callable | None = None
    marks: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    define_flags: Callable[[], None] = _define_none
    watched: tuple[str, ...] = ()


def find() -> dict[str, Dataset]:
    """All datasets by name."""
    files = sorted(pathlib.Path(__file__).parent.glob("*.py"))
    names = [path.stem for path in files if _DEFINES.search(path.read_text())]
    return {name: importlib.import_module(f"amgan_jax.datasets.{name}").DATASET for name in names}
