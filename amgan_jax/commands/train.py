"""Trains AMGAN and evaluates it.

python -m amgan_jax.main --config=configs/quickstart.py --workdir=/tmp/quickstart

The same command goes on from whatever the workdir holds. SIGTERM, SIGINT and SIGHUP have every step saved and
end it with status 143, 130 or 129; a second signal ends it at once.
"""

from collections.abc import Sequence
import importlib
import importlib.util
import logging
import os
import pathlib
import subprocess
import sys
import types
from typing import Any, cast

from absl import flags
from ml_collections import config_dict, config_flags
from ml_collections.config_flags.config_flags import ConfigFileFlagParser

from amgan_jax import cli
from amgan_jax import configs as our_configs
from amgan_jax.errors import UserError
from amgan_jax.files import local_path
from amgan_jax.input import built, fingerprint

_log = logging.getLogger("amgan_jax.main")


def define_flags() -> None:
    """Not at import: another program may import this module and have flags of its own."""
    config_flags.DEFINE_config_file("config", None, "The experiment, a file in configs/.", lock_config=True)
    flags.FLAGS["config"].parser = _ConfigParser("config", lock_config=True)
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
    # Not at import: these take seconds, which --help and bad flags need not wait for.
    import jax

    from amgan_jax import experiment, workdir
    from amgan_jax.measures import driver
    from amgan_jax.training import allocator, checks, ownership, parallel
    from amgan_jax.training.preemption import watch

    if flags.FLAGS.mode == "train" and not flags.FLAGS.coordinator and jax.default_backend() == "cpu":
        allocator.keep_memory()
    watch.install(joins=bool(flags.FLAGS.coordinator))
    config, directory = _config(), local_path(flags.FLAGS.workdir)
    if flags.FLAGS.coordinator:
        parallel.join(flags.FLAGS.coordinator, flags.FLAGS.hosts, flags.FLAGS.host)
        watch.join()
    elif flags.FLAGS.hosts is not None or flags.FLAGS.host is not None:
        raise UserError("--hosts and --host need --coordinator=HOST:PORT, by which the hosts find each other")
    if flags.FLAGS.mode == "evaluate" and flags.FLAGS.new_data == fingerprint.RETRAIN:
        raise UserError(f"--mode=evaluate trains nothing: --new_data={fingerprint.KEEP} evaluates on the new data")
    _log.info("host %d of %d, %s", jax.process_index(), jax.process_count(), jax.devices())
    checks.check_config(config)
    if flags.FLAGS.mode == "train":
        checks.check_devices(config)
    source = _source(config)
    if flags.FLAGS.mode == "evaluate":
        workdir.check(directory, driver.as_trained(config, directory), source.schema)
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
    import jax

    from amgan_jax.input import tfdata
    from amgan_jax.training import parallel

    if config.data.build or config.data.source:
        if jax.process_index() == 0:
            _build_missing(config)
        parallel.wait_for_all("dataset")
        _build_missing(config)  # on hosts that do not share the first one's disk
    return tfdata.DatasetSource(config)


def _build_missing(config):
    if built.is_built(config):
        return
    command = [sys.executable, *built.build_command(config)]
    _log.info("building the dataset: %s", " ".join(command))
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}  # this process holds the accelerator
    # The pipe closes when this process ends, however it does.
    with subprocess.Popen([*command, "--end_with_input"], env=environment, stdin=subprocess.PIPE) as build:
        status = build.wait()
    if status and not built.is_built(config):
        sys.exit(2)  # the build has said why, and no other process has built it meanwhile


class _ConfigParser(ConfigFileFlagParser):
    """Takes configs/NAME.py for this project's where there is no such file."""

    def parse(self, path):
        name, colon, argument = path.partition(":")
        ours = pathlib.Path(our_configs.__path__[0], pathlib.Path(name).name)
        if not pathlib.Path(name).exists() and pathlib.Path(name).parent == pathlib.Path("configs") and ours.exists():
            name = str(ours)
        return super().parse(f"{name}{colon}{argument}")


def _find_configs():
    """Has config files find each other as `configs`: first a team's own, then this project's."""
    if importlib.util.find_spec("configs") is None:
        sys.modules["configs"] = types.ModuleType("configs")
    package = importlib.import_module("configs")
    folders = [*getattr(package, "__path__", ()), "configs", *our_configs.__path__]
    package.__path__ = list(dict.fromkeys(str(pathlib.Path(f).resolve()) for f in folders if pathlib.Path(f).is_dir()))


def run() -> None:
    """Runs the command on the process's own flags."""
    _find_configs()
    define_flags()
    cli.run(main)
