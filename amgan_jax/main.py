"""Trains AMGAN and evaluates it.

python -m amgan_jax.main --config=configs/quickstart.py --workdir=/tmp/quickstart

The same command goes on from whatever the workdir holds.
"""

import logging
import os
import pathlib
import subprocess
import sys

from absl import flags
import jax
from ml_collections import config_dict, config_flags

from amgan_jax import allocator, cli, evaluate, parallel, train, workdir
from amgan_jax.errors import UserError

_CONFIG = config_flags.DEFINE_config_file("config", None, "The experiment, a file in configs/.", lock_config=True)
_WORKDIR = flags.DEFINE_string("workdir", None, "Where checkpoints, metrics, samples and the report go.")
_MODE = flags.DEFINE_enum("mode", "train", ["train", "evaluate"], "Train then evaluate, or evaluate what is there.")
_COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "To train on several hosts, on each: address:port of host 0, or auto (Cloud TPU, SLURM)."
)
_HOSTS = flags.DEFINE_integer("hosts", None, "How many hosts there are, unless --coordinator=auto.", lower_bound=1)
_HOST = flags.DEFINE_integer("host", None, "Which of them this is, from 0, unless --coordinator=auto.", lower_bound=0)

_log = logging.getLogger("amgan_jax.main")


def main(argv):
    del argv
    config, directory = _config(), workdir.local_path(_WORKDIR.value)
    if _COORDINATOR.value:
        parallel.join(_COORDINATOR.value, _HOSTS.value, _HOST.value)
    elif _HOSTS.value is not None or _HOST.value is not None:
        raise UserError("--hosts and --host need --coordinator=HOST:PORT, by which the hosts find each other")
    elif _MODE.value == "train" and jax.default_backend() == "cpu":
        allocator.keep_memory()
    _log.info("host %d of %d, %s", jax.process_index(), jax.process_count(), jax.devices())
    train.check_config(config)
    if _MODE.value == "train":
        train.check_devices(config)
    source = _source(config)
    if _MODE.value == "train":
        train.train(config, source, directory)
    else:
        workdir.check(directory, config, source.schema)
    evaluate.evaluate(config, source, directory)
    if jax.process_index() == 0:
        workdir.prepare(directory, config, source.schema, write=True)  # the settings that the report is of
        print((directory / "report" / "README.md").read_text())
        _log.info("the report is in %s", directory / "report")


def _config():
    try:
        return config_dict.ConfigDict(_CONFIG.value)
    except OSError as error:  # a file that could not be loaded raises when it is first used
        filename = config_flags.get_config_filename(flags.FLAGS["config"])
        raise UserError(f"cannot load --config={filename}: name a file such as configs/quickstart.py") from error


def _source(config):
    """The dataset's batches; builds it where the config says so."""
    from amgan_jax import input_pipeline  # imports TensorFlow, which takes seconds: not for --help

    if config.data.build or config.data.source:
        if jax.process_index() == 0:
            _build_missing(config, input_pipeline)
        parallel.wait_for_all("dataset")
        _build_missing(config, input_pipeline)  # on hosts that do not share the first one's disk
    return input_pipeline.DatasetSource(config)


def _build_missing(config, input_pipeline):
    if input_pipeline.is_built(config):
        return
    command = [sys.executable, *input_pipeline.build_command(config)]
    _log.info("building the dataset: %s", " ".join(command))
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}  # this process holds the accelerator
    if subprocess.run(command, env=environment, check=False).returncode and not input_pipeline.is_built(config):
        sys.exit(2)  # the build has said why, and no other process has built it meanwhile


if __name__ == "__main__":
    sys.path.append(str(pathlib.Path(__file__).parent.parent))  # where config files find each other
    flags.mark_flags_as_required(["config", "workdir"])
    cli.run(main)
