"""Ends a training at random moments, and compares its report with one that was left alone.

python benchmarks/interrupt.py --workdir=DIR [--config=configs/tiny.py] [--times=5] [--how=kill|term|twice] [-- FLAGS]

kill: SIGKILL. term: SIGTERM, after which no step may be lost. twice: a second training starts in the same workdir,
and is to stop in one line. What stands behind `--` is passed on to both runs.
"""

from collections.abc import Sequence
import json
import random
import signal
import socket
import subprocess
import sys
import time

from absl import flags

from amgan_jax import cli
from amgan_jax.errors import UserError
from amgan_jax.files import local_path
from amgan_jax.metrics import read_metrics
from amgan_jax.training import checkpoints

_CONFIG = flags.DEFINE_string("config", "configs/tiny.py", "The experiment.")
_WORKDIR = flags.DEFINE_string("workdir", None, "A new folder for both workdirs.", required=True)
_TIMES = flags.DEFINE_integer("times", 5, "How often to interrupt the training.", lower_bound=1)
_HOW = flags.DEFINE_enum("how", "kill", ["kill", "term", "twice"], "How to interrupt it.")
_HOSTS = flags.DEFINE_integer("hosts", 1, "Processes that train together; one of them is interrupted.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "Of the moments.")
_PHASES = ("attention", "evaluator", "amgan")


def main(argv: Sequence[str]) -> None:
    folder = local_path(_WORKDIR.value)
    folder.mkdir(parents=True, exist_ok=True)
    commands = {
        name: [sys.executable, "-m", "amgan_jax.main", f"--config={_CONFIG.value}", f"--workdir={folder / name}"]
        + argv[1:]
        for name in ("alone", "interrupted")
    }
    started = time.monotonic()
    _finish(_start(commands["alone"], folder))
    seconds = time.monotonic() - started
    print(f"left alone: {seconds:.0f} s", flush=True)
    moments = random.Random(_SEED.value)
    faults = []
    for number in range(_TIMES.value):
        faults += _interrupt(commands["interrupted"], folder, moments, seconds, number)
    _finish(_start(commands["interrupted"], folder))
    faults += _differences(folder / "alone", folder / "interrupted")
    print(f"faults: {'; '.join(faults) or 'none'}")
    sys.exit(bool(faults))


def _start(command, folder):
    """The processes of a training, whose words go to a file in a folder."""
    with socket.socket() as found:
        found.bind(("localhost", 0))
        address = f"localhost:{found.getsockname()[1]}"
    processes = []
    for host in range(_HOSTS.value):
        joined = [f"--coordinator={address}", f"--hosts={_HOSTS.value}", f"--host={host}"] if _HOSTS.value > 1 else []
        with (folder / "words.txt").open("a") as words:
            processes.append(subprocess.Popen([*command, *joined], stdout=subprocess.DEVNULL, stderr=words))
    return processes


def _finish(processes):
    if any([process.wait() for process in processes]):
        raise UserError("the training did not come to its end, see words.txt in --workdir")


def _interrupt(command, folder, moments, seconds, number):
    """Interrupts a training once: what went wrong."""
    processes = _start(command, folder)
    # Of a kill short of half of it, so that none finds the training at its end; of others, after which it goes on
    # from where it was, so short that they find all of its phases.
    longest = 0.45 if _HOW.value == "kill" else 0.2
    wait, victim = moments.uniform(0.05, longest) * seconds, moments.choice(processes)
    try:
        victim.wait(wait)
        print(f"{number + 1}: came to its end before {wait:.0f} s", flush=True)
        return []
    except subprocess.TimeoutExpired:
        pass
    if _HOW.value == "twice":
        return _start_twice(command, processes, folder, wait, number)
    before = _metrics_steps(folder / "interrupted")
    victim.send_signal(signal.SIGKILL if _HOW.value == "kill" else signal.SIGTERM)
    asked = time.monotonic()
    if _HOW.value == "kill":
        for process in processes:
            process.kill()
    statuses = [process.wait() for process in processes]
    saved = _saved_steps(folder / "interrupted")
    took = time.monotonic() - asked
    print(f"{number + 1}: after {wait:.0f} s, status {statuses} in {took:.1f} s, saved {saved}", flush=True)
    if _HOW.value == "kill":
        return []
    lost = [phase for phase, step in before.items() if saved.get(phase, 0) < step]
    # Before it listens, it ends as any process does.
    bad = [status for status in statuses if status not in (143, -signal.SIGTERM)]
    return [f"{number + 1}: lost steps of {lost}"] * bool(lost) + [f"{number + 1}: status {statuses}"] * bool(bad)


def _start_twice(command, processes, folder, wait, number):
    second = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    errors = [line for line in second.stderr.splitlines() if line.startswith("error: ")]
    print(f"{number + 1}: after {wait:.0f} s, status {second.returncode}: {' '.join(errors)}", flush=True)
    refused = second.returncode == 2 and len(errors) == 1 and "is in use by" in errors[0]
    ended = second.returncode == 0 and all(process.poll() == 0 for process in processes)  # before the second looked
    for process in processes:
        process.send_signal(signal.SIGTERM)
    statuses = [process.wait() for process in processes]
    return (
        []
        if refused or ended
        else [f"{number + 1}: the second ended with {second.returncode}, the first with {statuses}"]
    )


def _metrics_steps(workdir):
    """The last step of each phase that metrics.jsonl has."""
    return {record["phase"]: record["step"] for record in read_metrics(workdir)}


def _saved_steps(workdir):
    steps = {
        phase: checkpoints.Checkpoints(workdir / phase).latest_step() for phase in _PHASES if (workdir / phase).is_dir()
    }
    return {phase: step for phase, step in steps.items() if step is not None}


def _differences(alone, interrupted):
    """What of two reports and metrics is not equal."""
    figures = [json.loads((workdir / "report" / "metrics.json").read_text()) for workdir in (alone, interrupted)]
    for report in figures:
        del report["train/seconds"]  # wall clock
    different = [key for key in figures[0] if figures[0][key] != figures[1].get(key)]
    lines = [(workdir / "metrics.jsonl").read_text() for workdir in (alone, interrupted)]
    print(f"{len(figures[0])} figures, different: {different or 'none'}")
    print(f"{len(lines[0].splitlines())} lines of metrics.jsonl, the same: {lines[0] == lines[1]}")
    return [f"{key} differs" for key in different] + ["metrics.jsonl differs"] * (lines[0] != lines[1])


if __name__ == "__main__":
    cli.run(main, takes_arguments=True)
