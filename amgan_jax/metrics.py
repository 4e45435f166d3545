"""Metrics of training: metrics.jsonl and TensorBoard."""

import json
import logging
import pathlib

from amgan_jax.errors import UserError
from amgan_jax.files import write_atomically

_log = logging.getLogger(__name__)


class MetricsWriter:
    """Writes a phase's metrics.

    metrics.jsonl gets a line {"phase", "step", ...} a step that is written, each step of a phase
    once: lines of a phase after `first_step`, which a stopped run may have left, are
    removed. TensorBoard gets the same under "<phase>/", where TensorFlow is installed; a step that a
    stopped run had reached already stands there twice.
    """

    def __init__(self, workdir: pathlib.Path, phase: str, first_step: int):
        self._phase = phase
        self._path = workdir / "metrics.jsonl"
        kept = [r for r in read_metrics(workdir) if r["phase"] != phase or r["step"] <= first_step]
        write_atomically(self._path, "".join(json.dumps(record) + "\n" for record in kept))
        self._tensorboard = _tensorboard_writer(workdir)

    def write(self, step: int, scalars: dict[str, float]) -> None:
        """Appends one step's scalars and flushes them; UserError where they cannot be written."""
        try:
            with self._path.open("a") as file:
                file.write(json.dumps({"phase": self._phase, "step": step, **scalars}) + "\n")
        except OSError as error:
            raise UserError(f"cannot write {self._path}: {error.strerror}; the last checkpoint stays") from error
        self._try("write_scalars", step, {f"{self._phase}/{name}": v for name, v in scalars.items()})
        self._try("flush")

    def close(self) -> None:
        self._try("close")

    def _try(self, method, *arguments):
        """Calls a method of the TensorBoard writer; goes on without it where it fails."""
        try:
            if self._tensorboard:
                getattr(self._tensorboard, method)(*arguments)
        except Exception as error:  # TensorFlow has errors of its own for a full disk
            _log.warning("no more TensorBoard files are written: %s", error)
            self._tensorboard = None


def read_metrics(workdir: pathlib.Path) -> list[dict]:
    """The records of metrics.jsonl; a last line that a stopped run left unfinished is skipped."""
    path = workdir / "metrics.jsonl"
    if not path.exists():
        return []
    records = []
    for line in path.read_text().splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            _log.warning("skipping an unfinished line of %s", path)
    return records


def written(workdir: pathlib.Path, phase: str, step: int) -> set[str]:
    """Names of the metrics that metrics.jsonl has of a step."""
    records = [r for r in read_metrics(workdir) if r["phase"] == phase and r["step"] == step]
    return {name for record in records for name in record} - {"phase", "step"}


def _tensorboard_writer(workdir):
    try:
        from clu import metric_writers  # imports TensorFlow, which training does not need
    except ImportError:
        _log.warning("no TensorBoard files are written, as TensorFlow is not installed")
        return None
    return metric_writers.SummaryWriter(str(workdir))
