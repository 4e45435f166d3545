"""Built datasets on disk: where they are, and the command that builds one."""

from collections.abc import Mapping
import importlib
import json
import os
import pathlib
import re
import shlex
from typing import Any

from amgan_jax.errors import UserError
from amgan_jax.files import local_path
from amgan_jax.input import fingerprint
from amgan_jax.types import Config

# Where the labels files are that come with the package.
LABELS = pathlib.Path(importlib.import_module("amgan_jax.datasets").__path__[0])
RENDERED = "synthetic_garments"  # all other datasets are built from files


def build_command(config: Config) -> list[str]:
    """The command that builds the config's dataset, without the interpreter."""
    command = ["-m", "amgan_jax.build", f"--dataset={config.data.dataset}"]
    command += [f"--{name}={value}" for name, value in sorted(config.data.builder.items())]
    if config.data.dataset != RENDERED:
        command.append(f"--source={config.data.source or 'DIR'}")
    if config.data.data_dir:
        command.append(f"--data_dir={config.data.data_dir}")
    return command


def is_built(config: Config) -> bool:
    """Whether the config's dataset is built."""
    return _variant_directory(config) is not None


def find(config: Config) -> pathlib.Path:
    """The folder of the config's dataset.

    Raises:
      UserError: it is not built (the message has the command that builds it), or from other files
        than `config.data.source` has now.
    """
    directory = _variant_directory(config)
    if directory is None:
        raise UserError(
            f"dataset {config.data.dataset} is not built in {data_dir(config.data.data_dir)}; build it with:"
            f" python {shlex.join(build_command(config))}"
        )
    if config.data.source:
        _check_source(config, directory)
    return directory


def _check_source(config, directory):
    """Raises UserError where a dataset was built from other files than its source has now."""
    source = local_path(config.data.source)
    if not source.is_dir():
        raise UserError(
            f"--config.data.source={source} is not a folder; leave it out to train on what is built in {directory}"
        )
    metadata = json.loads((directory / "metadata.json").read_text())
    digests = {source / name: digest for name, digest in (metadata.get("digests") or {}).items()}
    digests |= {LABELS / name: digest for name, digest in (metadata.get("labels") or {}).items()}
    changed = [path for path, digest in digests.items() if digest != fingerprint.file_digest(path)]
    changed += [source / name for name in fingerprint.changed_files(source, fingerprint.read_files(directory))]
    if changed:
        more = f" and {len(changed) - 1} more files are" if len(changed) > 1 else " is"
        ways = ["remove that folder to build it again", "leave --config.data.source out to train on what is built"]
        if "name" in config.data.builder:
            ways.append("for another set of photos, give the set a --config.data.builder.name of its own")
        raise UserError(f"{changed[0]}{more} not what {directory} was built from: {', or '.join(ways)}")


def data_dir(named: str | None) -> pathlib.Path:
    """The folder of built datasets: the one that is named, else where TFDS keeps its own."""
    return local_path(named or os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets"))


def _variant_directory(config):
    """Folder of the newest version of the dataset's variant, None where there is none."""
    folder = data_dir(config.data.data_dir) / config.data.dataset
    if config.data.builder:
        folder = folder / variant_name(config.data.builder)
    found = [path.parent for path in folder.glob("*/dataset_info.json") if _is_ours(path.parent)]
    return max(found, key=lambda path: [int(number) for number in path.name.split(".")], default=None)


def _is_ours(folder):
    """Whether a folder is a finished build of data/build.py, and not TFDS' own dataset of the same name."""
    metadata = folder / "metadata.json"
    finished = re.fullmatch(r"\d+\.\d+\.\d+", folder.name) and metadata.exists()
    return bool(finished) and "schema" in json.loads(metadata.read_text())


def variant_name(builder: Mapping[str, Any]) -> str:
    """The name under which a dataset built with these flags stands."""
    return "-".join(f"{name}_{value}" for name, value in sorted(builder.items()))
