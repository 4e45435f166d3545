"""What several tests need: a tiny config, rendered splits, and commands as a user runs them."""

import functools
import json
import os
import pathlib
import subprocess
import sys

import numpy as np

from amgan_jax import garments
from amgan_jax.configs import tiny
from amgan_jax.input import arrays

ROOT = pathlib.Path(__file__).parent.parent


def tiny_config():
    """A fresh config of configs/tiny.py."""
    return tiny.get_config()


@functools.cache
def rendered_split(seed: int, count: int, size: tuple[int, int] = (32, 32)) -> arrays.Split:
    """Rendered garments with labels drawn evenly."""
    rng = np.random.default_rng(seed)
    label = np.stack([rng.integers(0, n, count) for n in garments.SCHEMA.value_counts], axis=-1).astype(np.int32)
    nuisance = np.stack([np.full(count, seed), np.arange(count)], axis=-1).astype(np.int32)
    return arrays.Split(np.asarray(garments.render_batch(label, nuisance, size)), label, nuisance)


def rendered_source() -> arrays.ArraySource:
    """A dataset of rendered garments in memory."""
    splits = {"train": rendered_split(0, 64), "validation": rendered_split(1, 16), "test": rendered_split(2, 24)}
    return arrays.ArraySource(garments.SCHEMA, splits)


def in_steps(tree: dict, images: int) -> dict:
    """A config, as of config.json, in its form of before lengths were in epochs and shares, for so many photos."""
    tree = json.loads(json.dumps(tree))
    warmup, steps = tree["amgan"].pop("warmup_steps"), tree["amgan"]["num_steps"]
    for name in ("generator_optimizer", "discriminator_optimizer"):
        tree[name] |= {"warmup_steps": warmup, "decay_steps": round(tree[name].pop("decay") * steps)}
    for name, used, unused in (("attention", "resnet", ()), ("evaluator", "plain", ("resnet",))):
        old = tree[name]
        old["network"] = old.pop(used)
        scale = images / old["batch_size"]
        old["num_steps"], warmup = round(old.pop("epochs") * scale), round(old.pop("warmup_epochs") * scale)
        decay = round(old["optimizer"].pop("decay") * old["num_steps"])
        old["optimizer"] |= {"warmup_steps": warmup, "decay_steps": decay}
        for section in (*unused, "efficientnet"):
            del old[section]
    return tree


def run(*command: object, devices: int = 1, cwd=ROOT, **environment: str) -> subprocess.CompletedProcess:
    """Runs a command of the project in a process of its own, in a folder, with so many fake devices."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    env = os.environ | {"XLA_FLAGS": flags, "PYTHONPATH": str(ROOT)} | environment
    words = [sys.executable, *map(str, command)]
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=600, check=False)


def assert_refused(result: subprocess.CompletedProcess, *said: str) -> None:
    """The command ended with status 2 and one line that says all of this, without a stack trace."""
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert result.returncode == 2, result.stderr
    assert len(errors) == 1 and "Traceback" not in result.stderr, result.stderr
    for words in said:
        assert words in errors[0], errors[0]
