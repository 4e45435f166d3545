"""Disturbs a training at random moments, and compares its report with one that was left alone.

python benchmarks/interrupt.py --workdir=DIR [--config=configs/tiny.py] [--times=5] [--how=kill|term|twice] [-- FLAGS]

kill: SIGKILL. term: SIGTERM, after which no step may be lost. twice: two trainings start in one new workdir; one is
to stop in one line, the other to come to its end. What stands behind `--` is passed on to all trainings.
"""

from collections.abc import Sequence
import json
import random
import shutil
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
from amgan_jax.workdir import LOCK

_CONFIG = flags.DEFINE_string("config", "configs/tiny.py", "The experiment.")
_WORKDIR = flags.DEFINE_string("workdir", None, "A new folder for all workdirs.", required=True)
_TIMES = flags.DEFINE_integer("times", 5, "How often to disturb the training.", lower_bound=1)
_HOW = flags.DEFINE_enum("how", "kill", ["kill", "term", "twice"], "How to disturb it.")
_HOSTS = flags.DEFINE_integer("hosts", 1, "Processes that train together; one of them is interrupted.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "Of the moments.")
_PHASES = ("attention", "evaluator", "amgan")


def main(argv: Sequence[str]) -> None:
    folder = local_path(_WORKDIR.value)
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "amgan_jax.main", f"--config={_CONFIG.value}", *argv[1:]]
    alone, interrupted = folder / "alone", folder / "interrupted"
    times = _time_alone(command, alone)
    print(f"left alone: {times[1]:.0f} s, of which {times[0]:.0f} s to start", flush=True)
    moments, faults = random.Random(_SEED.value), []
    for number in range(1, _TIMES.value + 1):
        if _HOW.value == "twice":
            workdir = folder / f"twice_{number}"
            found = _start_twice(command, workdir, moments, times[1]) or _differences(alone, workdir)
        else:
            found = _interrupt(command, interrupted, moments, times, number)
        faults += [f"{number}: {fault}" for fault in found]
    if _HOW.value != "twice":
        _finish(_start(command, interrupted))
        faults += _differences(alone, interrupted)
    print(f"faults: {'; '.join(faults) or 'none'}")
    sys.exit(bool(faults))


def _start(command, workdir, name="words.txt"):
    """The processes of a training, whose words go to a file beside its workdir."""
    with socket.socket() as found:
        found.bind(("localhost", 0))
        address = f"localhost:{found.getsockname()[1]}"
    processes = []
    for host in range(_HOSTS.value):
        joined = [f"--coordinator={address}", f"--hosts={_HOSTS.value}", f"--host={host}"] if _HOSTS.value > 1 else []
        with (workdir.parent / name).open("a") as words:
            whole = [*command, f"--workdir={workdir}", *joined]
            processes.append(subprocess.Popen(whole, stdout=subprocess.DEVNULL, stderr=words))
    return processes


def _finish(processes):
    if any([process.wait() for process in processes]):
        raise UserError("the training did not come to its end, see words.txt in --workdir")


def _time_alone(command, workdir):
    """Seconds that a training takes to start, and to come to its end."""
    started = time.monotonic()
    processes = _start(command, workdir)
    _await_start(processes, workdir)
    start = time.monotonic() - started
    _finish(processes)
    return start, time.monotonic() - started


def _await_start(processes, workdir):
    """Until a training owns its workdir, which is when it begins to read, compile and train, or has ended."""
    while not (workdir / LOCK).exists() and all(process.poll() is None for process in processes):
        time.sleep(0.1)


def _interrupt(command, workdir, moments, times, number):
    """Interrupts a training once: what went wrong."""
    processes, (start, end) = _start(command, workdir), times
    victim = moments.choice(processes)
    if number % 5 == 0:  # while it starts
        wait = moments.uniform(0.0, start)
    else:
        _await_start(processes, workdir)
        # Of a kill short of half of it, so that none finds the training at its end; of others, after which it goes
        # on from where it was, so short that they find all of its phases.
        wait = moments.uniform(0.0, 0.45 if _HOW.value == "kill" else 0.35) * (end - start)
    try:
        victim.wait(wait)
        print(f"{number}: came to its end within {wait:.0f} s", flush=True)
        return []
    except subprocess.TimeoutExpired:
        pass
    before = _metrics_steps(workdir)
    victim.send_signal(signal.SIGKILL if _HOW.value == "kill" else signal.SIGTERM)
    asked = time.monotonic()
    if _HOW.value == "kill":
        for process in processes:
            process.kill()
    elif victim.wait() == -signal.SIGTERM:  # before it listened; as a scheduler would do then
        for process in processes:
            process.send_signal(signal.SIGTERM)
    statuses = [process.wait() for process in processes]
    saved = _saved_steps(workdir)
    print(f"{number}: status {statuses} in {time.monotonic() - asked:.1f} s, saved {saved}", flush=True)
    if _HOW.value == "kill":
        return []
    lost = [phase for phase, step in before.items() if saved.get(phase, 0) < step]
    # Before it listens, it ends as any process does.
    bad = [status for status in statuses if status not in (143, -signal.SIGTERM)]
    return [f"lost steps of {lost}"] * bool(lost) + [f"status {statuses}"] * bool(bad)


def _start_twice(command, workdir, moments, seconds):
    """Starts two trainings in a new workdir: what went wrong."""
    for longest in (0.2, 0.1, 0.0):
        wait = moments.uniform(0.0, longest) * seconds
        ends = _ends_of_two(command, workdir, wait)
        print(f"{workdir.name}: {wait:.1f} s apart, {ends}", flush=True)
        if ends[0][0] or ends[1][0]:
            break  # else, on a busy machine, one had come to its end before the other looked
    refusals = [errors for status, errors in ends if status == 2]
    met = len(refusals) == 1 and sum(status for status, _ in ends) == 2 and len(refusals[0]) == _HOSTS.value
    return [] if met and all("is in use by" in error for error in refusals[0]) else [f"they ended with {ends}"]


def _ends_of_two(command, workdir, wait):
    """(exit status, lines that say errors) of two trainings in a new workdir, the second of which starts later."""
    shutil.rmtree(workdir, ignore_errors=True)
    names = [f"{workdir.name}_{order}.txt" for order in ("first", "second")]
    for name in names:
        (workdir.parent / name).unlink(missing_ok=True)
    first = _start(command, workdir, names[0])
    time.sleep(wait)
    second = _start(command, workdir, names[1])
    statuses = [max(abs(process.wait()) for process in processes) for processes in (first, second)]
    words = [(workdir.parent / name).read_text().splitlines() for name in names]
    return list(zip(statuses, [[line for line in lines if line.startswith("error: ")] for lines in words], strict=True))


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
