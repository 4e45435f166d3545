"""Orbax checkpoints of one phase of training: the whole state, the seconds it took, and metrics not yet written."""

from collections.abc import Sequence
import contextlib
import logging
import pathlib
import sys
from typing import Any, NamedTuple

import jax
import orbax.checkpoint as ocp

from amgan_jax.errors import UserError
from amgan_jax.training import parallel
from amgan_jax.types import Tree


class Restored(NamedTuple):
    """What a checkpoint holds.

    seconds: of training.
    window: metrics {name: value} of each step that no mean has been written of.
    finished: whether the training had come to its end; None where an older version wrote it.
    """

    state: Any
    seconds: float
    window: list[dict[str, float]]
    finished: bool | None


class Checkpoints:
    """The checkpoints in a directory, `<directory>/<step>/`, of which the last two are kept."""

    def __init__(self, directory: pathlib.Path):
        self._directory = directory.absolute()
        options = ocp.CheckpointManagerOptions(max_to_keep=2, enable_async_checkpointing=False)
        self._manager = ocp.CheckpointManager(self._directory, options=options)

    def latest_step(self) -> int | None:
        """Step of the newest complete checkpoint, None where there is none."""
        return self._manager.latest_step()

    def save(
        self, state: Tree, seconds: float, window: Sequence[dict[str, float]] = (), finished: bool = False
    ) -> None:
        """Saves a state under its own step; returns when it is on the disk.

        Args:
          state: to save.
          seconds: see `Restored`.
          window: see `Restored`.
          finished: see `Restored`.

        Raises:
          UserError: it cannot be written. Earlier checkpoints stay.
        """
        step = int(state.step)
        progress_ = {"seconds": seconds, "window": list(window), "finished": finished}
        items = ocp.args.Composite(
            state=ocp.args.StandardSave(parallel.span_hosts(state)), progress=ocp.args.JsonSave(progress_)
        )
        try:
            with _hushed():
                self._manager.save(step, args=items, force=True)
        except Exception as error:  # whatever the storage behind Orbax raises
            last = self.latest_step()
            kept = f"step {last} is still there" if last is not None else "there is no earlier one"
            raise UserError(
                f"cannot save checkpoint {self._directory / str(step)}: {_reason(error)}; {kept}:"
                " free some space and run the same command again"
            ) from error

    def restore(self, template: Tree) -> Restored:
        """The newest checkpoint, on every device.

        Args:
          template: a state with the right shapes, or its shapes (`jax.eval_shape`).

        Raises:
          UserError: there is no checkpoint, or it cannot be read as such a state.
        """
        step = _newest(self._manager, self._directory)
        items = ocp.args.Composite(
            state=ocp.args.StandardRestore(parallel.replicated_shapes(template)), progress=ocp.args.JsonRestore()
        )
        try:
            restored = self._manager.restore(step, args=items)
        except Exception as error:  # whatever the storage behind Orbax raises
            raise UserError(
                f"cannot read checkpoint {self._directory / str(step)}: {_reason(error)};"
                " remove that folder to go on from the one before, or, where an older version of this code wrote it,"
                " train in another --workdir"
            ) from error
        progress_ = restored["progress"]
        return Restored(restored["state"], progress_["seconds"], progress_.get("window", []), progress_.get("finished"))

    def close(self) -> None:
        self._manager.close()


def restore(directory: pathlib.Path, template: Tree) -> Any:
    """The newest state of a directory of checkpoints, in host memory; errors as `Checkpoints.restore`."""
    if not directory.is_dir():
        raise UserError(f"{directory} holds no checkpoint: train it to the end with amgan_jax.main first")
    checkpoints = Checkpoints(directory)
    restored = checkpoints.restore(template)
    checkpoints.close()
    return jax.device_get(restored.state)


def progress(directory: pathlib.Path) -> tuple[int, float]:
    """(step, seconds of training) of the newest checkpoint of a directory; UserError where there is none."""
    manager = ocp.CheckpointManager(directory.absolute())
    step = _newest(manager, directory)
    found = manager.restore(step, args=ocp.args.Composite(progress=ocp.args.JsonRestore()))
    manager.close()
    return step, found["progress"]["seconds"]


def _newest(manager, directory) -> int:
    """The step of the newest checkpoint; UserError where there is none."""
    step = manager.latest_step()
    if step is None:
        raise UserError(f"{directory} holds no checkpoint: train it to the end with amgan_jax.main first")
    return step


@contextlib.contextmanager
def _hushed():
    """Keeps the stack traces of a storage library's threads from the screen.

    What fails is raised too. After a failure it stays hushed: threads go on to complain.
    """
    levels = [(logger, logger.level) for logger in map(logging.getLogger, ("absl", "asyncio"))]
    hook = sys.unraisablehook
    for logger, _ in levels:
        logger.setLevel(logging.CRITICAL)
    sys.unraisablehook = lambda _: None
    yield
    for logger, level in levels:
        logger.setLevel(level)
    sys.unraisablehook = hook


def _reason(error):
    """The innermost cause that the first line of a storage library's message names."""
    lines = str(error).strip().splitlines()
    return lines[0].rpartition('": ')[2] if lines else type(error).__name__
