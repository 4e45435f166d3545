"""Trains AMGAN and evaluates it.

python -m amgan_jax.main --config=configs/quickstart.py --workdir=/tmp/quickstart

The same command goes on from whatever the workdir holds. SIGTERM, and SIGINT, have every step saved and end it
with status 143, or 130; a second signal ends it at once.
"""

from collections.abc import Sequence
import importlib
import logging
import os
import pathlib
import subprocess
import sys
from typing import Any, cast

from absl import flags
import jax
from ml_collections import config_dict, config_flags

from amgan_jax import experiment, workdir
from amgan_jax.commands import cli
from amgan_jax.errors import UserError
from amgan_jax.input import fingerprint
from amgan_jax.measures import driver
from amgan_jax.training import allocator, ownership, parallel
from amgan_jax.training.preemption import watch

_log = logging.getLogger("amgan_jax.main")


def define_flags() -> None:
    """Not at import: another program may import this module and have flags of its own."""
    config_flags.DEFINE_config_file("config", None, "The experiment, a file in configs/.", lock_config=True)
    flags.DEFINE_string("workdir", None, "Where checkpoints, metrics, samples and the report go.")
    flags.DEFINE_enum("mode", "train", ["train", "evaluate"], "Train then evaluate, or evaluate what is there.")
    flags.DEFINE_enum(
        "new_data",
        fingerprint.REFUSE,
        [fingerprint.REFUSE, fingerprint.KEEP, fingerprint.RETRAIN],
        "Where the workdir was trained on other data: refuse it, keep what is trained and go on, or train again.",
    )
    flags.DEFINE_string(
        "coordinator", None, "To train on several hosts, on each: address:port of host 0, or auto (Cloud TPU, SLURM)."
    )
    flags.DEFINE_integer("hosts", None, "How many hosts there are, unless --coordinator=auto.", lower_bound=1)
    flags.DEFINE_integer("host", None, "Which of them this is, from 0, unless --coordinator=auto.", lower_bound=0)
    flags.mark_flags_as_required(["config", "workdir"])


def main(argv: Sequence[str]) -> None:
    del argv
    if flags.FLAGS.mode == "train" and not flags.FLAGS.coordinator and jax.default_backend() == "cpu":
        allocator.keep_memory()
    watch.install()
    config, directory = _config(), workdir.local_path(flags.FLAGS.workdir)
    if flags.FLAGS.coordinator:
        parallel.join(flags.FLAGS.coordinator, flags.FLAGS.hosts, flags.FLAGS.host)
        watch.join()
    elif flags.FLAGS.hosts is not None or flags.FLAGS.host is not None:
        raise UserError("--hosts and --host need --coordinator=HOST:PORT, by which the hosts find each other")
    if flags.FLAGS.mode == "evaluate" and flags.FLAGS.new_data == fingerprint.RETRAIN:
        raise UserError(f"--mode=evaluate trains nothing: --new_data={fingerprint.KEEP} evaluates on the new data")
    _log.info("host %d of %d, %s", jax.process_index(), jax.process_count(), jax.devices())
    experiment.check_config(config)
    if flags.FLAGS.mode == "train":
        experiment.check_devices(config)
    source = _source(config)
    if flags.FLAGS.mode == "evaluate":
        workdir.check(directory, config, source.schema)
        experiment.check_data(source, directory, flags.FLAGS.new_data)
    with ownership.hold(directory):
        if flags.FLAGS.mode == "train":
            experiment.train(config, source, directory, flags.FLAGS.new_data)
        driver.evaluate(config, source, directory)
        if jax.process_index() == 0:
            print((directory / "report" / "README.md").read_text())
            _log.info("the report is in %s", directory / "report")


def _config():
    try:
        config = cast(Any, config_dict.ConfigDict(flags.FLAGS.config))
    except OSError as error:  # a file that could not be loaded raises when it is first used
        filename = config_flags.get_config_filename(flags.FLAGS["config"])
        raise UserError(f"cannot load --config={filename}: name a file such as configs/quickstart.py") from error
    for name in ("data_dir", "source"):
        if config.data[name] == "None":  # as the default reads, which a flag gives as a text
            config.data[name] = None
    return config


def _source(config):
    """The dataset's batches; builds it where the config says so."""
    from amgan_jax.input import tfdata  # imports TensorFlow, which takes seconds: not for --help

    if config.data.build or config.data.source:
        if jax.process_index() == 0:
            _build_missing(config, tfdata)
        parallel.wait_for_all("dataset")
        _build_missing(config, tfdata)  # on hosts that do not share the first one's disk
    return tfdata.DatasetSource(config)


def _build_missing(config, tfdata):
    if tfdata.is_built(config):
        return
    command = [sys.executable, *tfdata.build_command(config)]
    _log.info("building the dataset: %s", " ".join(command))
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}  # this process holds the accelerator
    # The pipe closes when this process ends, however it does.
    with subprocess.Popen([*command, "--end_with_input"], env=environment, stdin=subprocess.PIPE) as build:
        status = build.wait()
    if status and not tfdata.is_built(config):
        sys.exit(2)  # the build has said why, and no other process has built it meanwhile


def _find_configs():
    """Has config files find each other: first in a team's own folder `configs`, then in this project's."""
    ours = pathlib.Path(__file__).parents[2]
    sys.path.append(str(ours))
    package = importlib.import_module("configs")  # theirs, where there is one
    folders = [pathlib.Path(path) for path in (*getattr(package, "__path__", ()), "configs", ours / "configs")]
    package.__path__ = list(dict.fromkeys(str(folder.resolve()) for folder in folders if folder.is_dir()))


def run() -> None:
    """Runs the command on the process's own flags."""
    _find_configs()
    define_flags()
    cli.run(main)
