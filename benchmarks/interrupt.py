"""Kills a training with SIGKILL at random moments and compares its report with one that was left alone.

python benchmarks/interrupt.py --workdir=DIR [--config=configs/tiny.py] [--kills=5] [-- MORE FLAGS]

What stands behind `--` is passed on to both runs.
"""

import json
import random
import signal
import subprocess
import sys
import time

from absl import flags

from amgan_jax import cli
from amgan_jax.errors import UserError
from amgan_jax.workdir import local_path

_CONFIG = flags.DEFINE_string("config", "configs/tiny.py", "The experiment.")
_WORKDIR = flags.DEFINE_string("workdir", None, "A new folder for both workdirs.", required=True)
_KILLS = flags.DEFINE_integer("kills", 5, "How often to kill the training.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "Of the moments.")


def main(argv):
    folder = local_path(_WORKDIR.value)
    commands = {
        name: [sys.executable, "-m", "amgan_jax.main", f"--config={_CONFIG.value}", f"--workdir={folder / name}"]
        + argv[1:]
        for name in ("alone", "killed")
    }
    started = time.monotonic()
    _run(commands["alone"])
    seconds = time.monotonic() - started
    print(f"left alone: {seconds:.0f} s")
    moments = random.Random(_SEED.value)
    for kill in range(_KILLS.value):
        # Short of half of it, so that no kill finds the training at its end.
        _run_and_kill(commands["killed"], moments.uniform(0.1, 0.45) * seconds, kill)
    _run(commands["killed"])
    figures = {name: json.loads((folder / name / "report" / "metrics.json").read_text()) for name in commands}
    for report in figures.values():
        del report["train/seconds"]  # wall clock
    different = [key for key in figures["alone"] if figures["alone"][key] != figures["killed"].get(key)]
    lines = [_records(folder / name) for name in commands]
    print(f"{len(figures['alone'])} figures, different: {different or 'none'}")
    print(f"{len(lines[0])} lines of metrics.jsonl, the same: {lines[0] == lines[1]}")
    sys.exit(bool(different) or lines[0] != lines[1])


def _run(command):
    if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
        raise UserError("the training did not come to its end, see above")


def _run_and_kill(command, seconds, kill):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
        print(f"kill {kill + 1}: came to its end before {seconds:.0f} s")
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        print(f"kill {kill + 1}: after {seconds:.0f} s")


def _records(workdir):
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


if __name__ == "__main__":
    cli.run(main, takes_arguments=True)
