"""The training loop: from an iterator of numpy batches to a final state.

Imports no TensorFlow.
"""

from collections.abc import Callable, Iterator
import dataclasses
import functools
import logging
import pathlib
import time
from typing import Any

import jax
import numpy as np
import tqdm

from amgan_jax.errors import UserError
from amgan_jax.metrics import MetricsWriter, written
from amgan_jax.training import finite, health, ownership, parallel
from amgan_jax.training.checkpoints import Checkpoints, Restored
from amgan_jax.training.preemption import watch
from amgan_jax.types import Batch, Config

_log = logging.getLogger(__name__)


_UNSTABLE = (
    "lower the learning rate and train in another --workdir,"
    " or leave such updates out with --config.skip_broken_updates=True"
)


@dataclasses.dataclass(frozen=True)
class Hook:
    """What happens each `interval` steps, and after the last: `call(step, state)` gives figures to log.

    A checkpoint is written before, so that a call may take long: what is cut off is called again by a resume.
    """

    interval: int
    call: Callable[[int, Any], dict[str, float]]


@dataclasses.dataclass(frozen=True)
class Phase:
    """One training: of the attention network, the evaluator or AMGAN.

    update: maps (state, sharded batch) to (state, metrics).
    batches: from a first step to host batches.
    microbatches: in a batch, see `parallel.shard`.
    on_fresh: maps the fresh state to the one that training starts from; None for the fresh state itself.
    hooks: called in training; on all hosts of the same intervals.
    stays: whether it is over once it has come to its end, and more photos make it no longer.
    """

    name: str
    num_steps: int
    batch_size: int
    update: Callable
    batches: Callable[[int], Iterator[Batch]]
    microbatches: int = 1
    on_fresh: Callable[[Any], Any] | None = None
    hooks: tuple[Hook, ...] = ()
    stays: bool = False


def run(phase: Phase, config: Config, workdir: pathlib.Path, init: Callable) -> Any:
    """Runs a phase from its newest checkpoint, or from the state that `init()` makes, to its final state.

    Raises:
      UserError: the loss is not finite, a checkpoint cannot be written, or the workdir has been taken over.
    """
    checkpoints = Checkpoints(workdir / phase.name)
    train_state, seconds, window, finished = _start(checkpoints, init, phase.on_fresh)
    first_step = int(train_state.step)
    # An older version's checkpoint does not say it, but what AMGAN has begun to train with was finished.
    if phase.stays and ((workdir / "amgan").exists() if finished is None else finished):
        phase = dataclasses.replace(phase, num_steps=first_step)
    owed, window = _unwritten(phase, workdir, first_step, window)
    if first_step >= phase.num_steps and not owed:
        checkpoints.close()
        return train_state
    writer = MetricsWriter(workdir, phase.name, first_step) if jax.process_index() == 0 else None
    started = time.monotonic() - seconds
    with _progress_bar(phase, first_step) as bar:
        finish = functools.partial(_finish_step, phase, config, writer, bar)
        window = finish(first_step, train_state, window) if owed else window
        batches = phase.batches(first_step)
        for step in range(first_step + 1, phase.num_steps + 1):
            train_state, metrics = phase.update(train_state, parallel.shard(next(batches), phase.microbatches))
            watch.stepped()
            window.append(metrics)
            # Waiting for the step before the last keeps the device busy and the queue short.
            if len(window) > 1:
                jax.block_until_ready(window[-2])
            bar.update(phase.batch_size)
            stop = watch.should_save()
            if stop or _is_due(phase, step, config.checkpoint_steps) or _due_hooks(phase, step):
                window = _save(phase, workdir, checkpoints, step, train_state, time.monotonic() - started, window)
                if stop:
                    watch.leave()
            window = finish(step, train_state, window)
    checkpoints.close()
    if writer:
        writer.close()
    return train_state


def _save(phase, workdir, checkpoints, step, train_state, seconds, window):
    """Writes the checkpoint of a step; returns the window's metrics as numbers. UserError where they are not finite."""
    window = _fetch(phase, step, window)
    _check_finite(phase, step, train_state, checkpoints)
    ownership.check(workdir)
    checkpoints.save(train_state, seconds, window, finished=step == phase.num_steps)
    watch.saved()
    return window


def _unwritten(phase, workdir, step, window):
    """Of a checkpoint: whether what was due at its step is still to be done, and its window where no mean is written.

    It is written before the hooks and the metrics of its step, which a signal may have cut off.
    """
    if not window:
        return False, []
    names = written(workdir, phase.name, step)
    return not names, [] if names >= set(window[0]) else window


def _is_due(phase, step, interval):
    return step % interval == 0 or step == phase.num_steps


def _due_hooks(phase, step):
    return [hook for hook in phase.hooks if _is_due(phase, step, hook.interval)]


def _finish_step(phase, config, writer, bar, step, train_state, window):
    """Does what is due after a step; returns the window, emptied if it is written."""
    figures = {n: f for hook in _due_hooks(phase, step) for n, f in hook.call(step, train_state).items()}
    if _is_due(phase, step, config.log_steps):
        _write_window(phase, step, _fetch(phase, step, window), figures, writer, bar)
        return []
    if figures and writer:
        writer.write(step, figures)
    return window


def _start(checkpoints, init, on_fresh):
    """The newest checkpoint where there is one, else the fresh state: see `checkpoints.Restored`."""
    if checkpoints.latest_step() is not None:
        return checkpoints.restore(jax.eval_shape(init))
    fresh = jax.jit(init)()
    return Restored(parallel.replicate(on_fresh(fresh) if on_fresh else fresh), 0.0, [], False)


def _fetch(phase, step, window):
    """A window's metrics as numbers; UserError where they are not finite."""
    window = [{name: float(value) for name, value in metrics.items()} for metrics in jax.device_get(window)]
    broken = [(name, value) for metrics in window for name, value in metrics.items() if not np.isfinite(value)]
    if broken:
        name, value = broken[0]
        raise UserError(f"{phase.name}: {name} is {value} at step {step}: {_UNSTABLE}")
    return window


def _check_finite(phase, step, train_state, checkpoints):
    """Raises UserError for a state that a checkpoint should not hold: metrics are of before the last update."""
    broken = finite.broken_part(train_state)
    if broken:
        last = checkpoints.latest_step()
        kept = "nothing is saved" if last is None else f"the checkpoint of step {last} stays"
        raise UserError(f"{phase.name}: {broken} is not finite after step {step}, {kept}: {_UNSTABLE}")


def _write_window(phase, step, window, figures, writer, bar):
    """Writes the mean over a window of metrics, and the hooks' figures; UserError where every update was skipped."""
    means, skipped = finite.mean(window), finite.skipped_for(window)
    if len(skipped) == len(window):
        raise UserError(f"{phase.name}: all updates since step {step - len(window)} were skipped: {_UNSTABLE}")
    if skipped:
        _log.warning("step %d: %d updates skipped, not finite: %s", step, len(skipped), ", ".join(sorted(set(skipped))))
    if writer:
        writer.write(step, means | figures)
    shown = health.headline(phase.name, means)
    bar.set_postfix_str(" ".join(f"{name}={value:.3g}" for name, value in shown.items()), refresh=False)
    for warning in health.diagnose(phase.name, step, means):
        _log.warning("%s", warning)


def _progress_bar(phase, first_step):
    images = phase.batch_size
    return tqdm.tqdm(
        desc=phase.name,
        total=phase.num_steps * images,
        initial=first_step * images,
        unit="images",
        mininterval=2.0,
        disable=jax.process_index() != 0,
    )
