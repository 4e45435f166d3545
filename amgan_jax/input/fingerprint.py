"""Which data the trainings of a workdir have seen, and what to do where it is other data now."""

from collections.abc import Iterable
import hashlib
import json
import logging
import os
import pathlib

import numpy as np

from amgan_jax.errors import UserError
from amgan_jax.files import write_atomically
from amgan_jax.schema import Schema
from amgan_jax.workdir import CLASSIFIERS, LOCK, REPLACED

REFUSE, KEEP, RETRAIN = "refuse", "keep", "retrain"  # what to do
_FILE = "dataset.json"
_FILES = "photos.json"  # of a built dataset
_SAMPLED = 64  # photos whose content is compared; of all, the size is
_TRAININGS = (*CLASSIFIERS, "amgan")
_log = logging.getLogger(__name__)

Fingerprint = dict[str, dict[str, int | str]]


def of_split(ids: Iterable[bytes], label_NxA: np.ndarray, photos: Iterable[bytes]) -> dict[str, int | str]:
    """What tells a split from another.

    Args:
      ids: bytes of each image's name.
      label_NxA: int32.
      photos: bytes that tell each image's content.
    """
    return {
        "photos": len(label_NxA),
        "names": _digest(ids),
        "labels": _digest([np.ascontiguousarray(label_NxA).tobytes()]),
        "content": _digest(photos),
    }


def differences(old: Fingerprint, new: Fingerprint) -> list[str]:
    """What differs, in words; of each split the most telling thing only."""
    found = []
    for split in sorted(old.keys() | new.keys()):
        was, is_ = old.get(split, {}), new.get(split, {})
        if was.get("photos") != is_.get("photos"):
            found.append(f"{split} has {is_.get('photos', 0)} photos, had {was.get('photos', 0)}")
        elif was["names"] != is_["names"]:
            found.append(f"{split} has other photos, or in another order")
        elif was["labels"] != is_["labels"]:
            found.append(f"{split} has other labels")
        elif was["content"] != is_["content"]:
            found.append(f"photos of {split} have other content")
    return found


def check(workdir: pathlib.Path, new: Fingerprint, schema: Schema, policy: str) -> None:
    """Does nothing where a workdir's trainings saw the same data, or nothing is known of it.

    Args:
      workdir: need not exist.
      new: of the data that there is now.
      schema: of the data that there is now.
      policy: what to do where it differs: refuse; keep what is trained, and go on; or retrain, where what is
        trained is moved into a folder of its own. Says which trainings that concerns.

    Raises:
      UserError: the data differs, and it is to be refused.
    """
    trained = [name for name in _TRAININGS if (workdir / name).exists()]
    changed = differences(json.loads((workdir / _FILE).read_text()), new) if (workdir / _FILE).exists() else []
    if policy == RETRAIN and Schema.from_json((workdir / "schema.json").read_text()) != schema:
        changed.append("the schema was another")
    if not changed or not trained:
        return
    what, names = f"{workdir} was trained on other data: {', '.join(changed)}", ", ".join(trained)
    if policy == RETRAIN:
        _log.warning("%s; %s are trained again, what was trained is moved to %s", what, names, _move_aside(workdir))
    elif policy == KEEP:
        _log.warning(
            "%s; %s stay as they were trained, what is left to train sees the new data, and some of the new test"
            " photos may have been trained on",
            what,
            names,
        )
    else:
        raise UserError(
            f"{what}; name another --workdir, or set --new_data={RETRAIN} to train {names} again,"
            f" or --new_data={KEEP} to go on with them as they are"
        )


def write(workdir: pathlib.Path, new: Fingerprint) -> None:
    """Keeps the fingerprint in a workdir; UserError where it cannot be written."""
    write_atomically(workdir / _FILE, json.dumps(new, indent=1) + "\n")


def record_files(folder: pathlib.Path, paths: list[pathlib.Path], masks: pathlib.Path | None) -> dict[str, dict]:
    """What tells files of a folder from changed ones: all their sizes, and the digests of some.

    Args:
      folder: that holds them.
      paths: of files, which need not exist.
      masks: the folder of masks, which need not exist, where all in it are read.

    Returns:
      {"sizes": {path in the folder: bytes}, "digests": {path in the folder: SHA-256},
      "counts": {path of the folder of masks: masks}}.
    """
    names = {os.path.relpath(path, folder): path for path in paths}
    sizes = {name: path.stat().st_size for name, path in names.items() if path.is_file()}
    some = sorted(sizes)[:: max(1, len(sizes) // _SAMPLED)]
    digests = {name: file_digest(names[name]) for name in some}
    counts = {} if masks is None else {os.path.relpath(masks, folder): _count(masks)}
    return {"sizes": sizes, "digests": digests, "counts": counts}


def changed_files(folder: pathlib.Path, recorded: dict[str, dict]) -> list[str]:
    """The files of a folder that are others than those recorded, and a folder of masks that has more than it had.

    What is missing has not changed.
    """
    there = {name: folder / name for name in recorded["sizes"] if (folder / name).is_file()}
    changed = {name for name, path in there.items() if path.stat().st_size != recorded["sizes"][name]}
    digests = {name: digest for name, digest in recorded["digests"].items() if name in there and name not in changed}
    changed |= {name for name, digest in digests.items() if file_digest(there[name]) != digest}
    return sorted(changed) + [name for name, count in recorded["counts"].items() if _count(folder / name) > count]


def file_digest(path: pathlib.Path) -> str:
    """What tells whether a file has changed; that of an empty file where there is none."""
    if not path.exists():
        return _digest([])
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_files(folder: pathlib.Path, recorded: dict[str, dict]) -> None:
    """Keeps such a record beside what is built; UserError where it cannot be written."""
    write_atomically(folder / _FILES, json.dumps(recorded))


def read_files(folder: pathlib.Path) -> dict[str, dict]:
    """The record that is kept; what older builds do not have is empty."""
    path = folder / _FILES
    return {"sizes": {}, "digests": {}, "counts": {}} | (json.loads(path.read_text()) if path.exists() else {})


def _count(masks):
    return sum(1 for _ in masks.rglob("*.png"))


def _move_aside(workdir):
    """Moves all of a training's work into a new folder, which it returns."""
    number = 1 + sum(1 for _ in (workdir / REPLACED).glob("*"))
    folder = workdir / REPLACED / str(number)
    folder.mkdir(parents=True)
    for path in list(workdir.iterdir()):
        if path.name != REPLACED and not path.name.startswith(LOCK):
            path.rename(folder / path.name)
    return folder


def _digest(parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
