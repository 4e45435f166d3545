"""Where a trained system comes from: its data, its training, and what it was measured at."""

from importlib import metadata
import json
import pathlib
from typing import Any

from amgan_jax import workdir as workdir_lib
from amgan_jax.errors import UserError
from amgan_jax.workdir import CLASSIFIERS

FILE = "provenance.json"  # in a bundle
DATA = "dataset.json"  # in a workdir: see `input.fingerprint`


def of(directory: pathlib.Path) -> dict[str, Any]:
    """The provenance of a trained workdir, or of a bundle.

    Returns:
      dataset: its name. data: its fingerprint, {} where nothing is known. steps: updates, by training.
      seconds: of all trainings. figures: those of report/metrics.json, {} where it was not evaluated.
      package: this package's name and version.

    Raises:
      UserError: a file cannot be read.
    """
    if workdir_lib.is_bundle(directory):
        return read_json(directory / FILE)
    from amgan_jax.training import checkpoints  # Orbax takes a second, and a bundle needs none

    config, _ = workdir_lib.load(directory)
    progress = {name: checkpoints.progress(directory / name) for name in (*CLASSIFIERS, "amgan")}
    return {
        "dataset": config.data.dataset,
        "data": _read_if_there(directory / DATA),
        "steps": {name: step for name, (step, _) in progress.items()},
        "seconds": sum(seconds for _, seconds in progress.values()),
        "figures": _read_if_there(directory / "report" / "metrics.json"),
        "package": f"amgan-jax {metadata.version('amgan-jax')}",
    }


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """An object of a JSON file; UserError where it is missing, or none."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} should hold a JSON object")
    return content


def _read_if_there(path):
    return read_json(path) if path.exists() else {}
