"""Edits many photos with the command, kills it now and then, and compares its speed with that of the networks alone.

python benchmarks/batch.py --workdir=DIR --images='photos/*.jpg' --output=NEW_FOLDER [--kills=3]

Prints photos/s of the command over photos/s of the jitted networks on ready arrays, measured before and after it;
its memory over time; and whether each photo is there once.
"""

import collections
from collections.abc import Sequence
import json
import pathlib
import random
import subprocess
import sys
import time

from absl import flags
import psutil

from amgan_jax import cli, encoding
from amgan_jax.commands import batches, edit_photos
from amgan_jax.editing import editor, photos
from amgan_jax.errors import UserError
from amgan_jax.files import local_path

_WORKDIR = flags.DEFINE_string("workdir", None, "A trained workdir, or a bundle.", required=True)
_IMAGES = flags.DEFINE_string("images", None, "A quoted pattern of photos.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "A new folder for the edits.", required=True)
_SET = flags.DEFINE_string("set", "color=red", "What the edits ask for.")
_FORMAT = flags.DEFINE_string("format", "jpg", "Of the edits.")
_KILLS = flags.DEFINE_integer("kills", 3, "How often the command gets SIGKILL.", lower_bound=0)
_BATCHES = flags.DEFINE_integer("batches", 20, "Of ready arrays, for the networks alone.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "Of the moments of the kills.")


def main(argv: Sequence[str]) -> None:
    del argv
    output, paths = local_path(_OUTPUT.value), photos.find(_IMAGES.value)
    if output.exists():
        raise UserError(f"--output={output} is there: name a new folder")
    system = editor.load(local_path(_WORKDIR.value))
    alone = [network_speed(system, paths[: batches.BATCH])]
    parts = edit_with_kills(output, len(paths))
    alone.append(network_speed(system, paths[: batches.BATCH]))
    speeds = [part["photos_per_s"] for part in parts if part["photos_per_s"]]
    records = [json.loads(line) for line in (output / edit_photos.JOURNAL).read_text().splitlines()]
    times = collections.Counter(record["photo"] for record in records)
    print(json.dumps({
        "photos": len(paths),
        "photos_per_s": [round(speed, 1) for speed in speeds],
        "networks_alone_photos_per_s": [round(speed, 1) for speed in alone],
        "ratio": round(speeds[-1] / (sum(alone) / len(alone)), 2),
        "done_when_killed": [part["done"] for part in parts],
        "memory_mb": [part["memory_mb"] for part in parts],
        "twice": sum(count > 1 for count in times.values()),
        "left_out": len(paths) - sum((output / record["output"]).is_file() for record in records),
    }, indent=1))  # fmt: skip


def network_speed(system: editor.Editor, paths: Sequence[pathlib.Path]) -> float:
    """Photos/s of reading values, editing and judging, on one batch of arrays again and again."""
    image = batches.padded([photos.letterbox(photos.read(p), *system.image_size).image for p in paths], batches.BATCH)
    wanted = system.schema.parse_edit(_SET.value)

    def once():
        source, _ = system.classify(image)
        edited, _ = system.edit(image, source, encoding.with_values(source, wanted))
        if "evaluator" in system.classifiers:
            system.classify(edited, readers=("evaluator",))

    once()
    start = time.monotonic()
    for _ in range(_BATCHES.value):
        once()
    return _BATCHES.value * batches.BATCH / (time.monotonic() - start)


def edit_with_kills(output: pathlib.Path, total: int) -> list[dict]:
    """Runs the command to its end; a dict a run. Kills come after random shares of the photos."""
    rng = random.Random(_SEED.value)
    limits = sorted(rng.sample(range(total // 10, 9 * total // 10), _KILLS.value))
    return [_run(output, limit) for limit in [*limits, None]]


def _run(output, kill_at):
    """One run, up to so many photos in all, or to its end."""
    command = [
        sys.executable, "-m", "amgan_jax.edit", f"--workdir={_WORKDIR.value}", f"--images={_IMAGES.value}",
        f"--set={_SET.value}", f"--format={_FORMAT.value}", f"--output={output}",
    ]  # fmt: skip
    before, seen, memory = _count(output), [], []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            time.sleep(0.5)
            done = _count(output)
            if done > before:  # what stands before is start and compilation
                seen.append((time.monotonic(), done))
                memory.append(_memory(watched))
            if kill_at is not None and done >= kill_at:
                process.kill()
                break
    if kill_at is None and process.returncode:
        raise UserError(f"the command ended with status {process.returncode}")
    (start, first), (end, last) = (seen[0], seen[-1]) if seen else ((0.0, 0), (0.0, 0))
    speed = (last - first) / (end - start) if end > start else None
    tenths = memory[:: max(1, len(memory) // 10)]
    return {"photos_per_s": speed, "done": last, "memory_mb": [round(m / 1e6) for m in tenths if m]}


def _memory(process):
    try:
        return process.memory_info().rss
    except psutil.Error:  # it has just ended
        return 0


def _count(output):
    journal = output / edit_photos.JOURNAL
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


if __name__ == "__main__":
    cli.run(main)
