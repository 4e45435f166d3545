"""Several processes train as one does."""

import json
import socket
import subprocess
import sys

import numpy as np
import pytest

from amgan_jax import parallel
from amgan_jax.errors import UserError
from tests import helpers


def _free_port():
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


def _figures(workdir):
    """Figures of each phase and step."""
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return {(row.pop("phase"), row.pop("step")): row for row in rows}


def test_two_hosts_train_as_one_does(trained_workdir, data_dir, tmp_path):
    """The same global batches, half of them on each host: the same curves, and one report."""
    coordinator = f"localhost:{_free_port()}"
    command = [
        sys.executable, "-m", "amgan_jax.main", "--config=configs/tiny.py", f"--workdir={tmp_path / 'w'}",
        f"--config.data.data_dir={data_dir}", f"--coordinator={coordinator}", "--hosts=2",
    ]  # fmt: skip
    hosts = [
        subprocess.Popen([*command, f"--host={i}"], cwd=helpers.ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for i in range(2)
    ]
    for host in hosts:
        _, errors = host.communicate(timeout=600)
        assert host.returncode == 0, errors.decode()
    ours, alone = _figures(tmp_path / "w"), _figures(trained_workdir)
    assert ours.keys() == alone.keys() and len(ours) == 12
    for step, figures in alone.items():
        assert ours[step].keys() == figures.keys()
        for name, value in figures.items():
            np.testing.assert_allclose(ours[step][name], value, rtol=2e-3, atol=2e-4, err_msg=f"{step} {name}")
    assert (tmp_path / "w" / "report" / "metrics.json").exists()


def test_hosts_without_a_coordinator_are_refused(tmp_path):
    command = (
        "-m",
        "amgan_jax.main",
        "--config=configs/tiny.py",
        f"--workdir={tmp_path / 'w'}",
        "--hosts=2",
        "--host=1",
    )
    helpers.assert_refused(helpers.run(*command), "--hosts and --host need --coordinator")


def test_a_host_without_a_number_is_refused():
    for hosts, host in ((None, None), (2, None), (2, 2)):
        with pytest.raises(UserError, match="--coordinator=a:1 needs --hosts=N and --host=0 to N - 1"):
            parallel.join("a:1", hosts, host)
