"""Several processes train as one does."""

import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from amgan_jax import metrics
from amgan_jax.errors import UserError
from amgan_jax.training import checkpoints, parallel
from tests import helpers


def _free_port():
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


def _figures(workdir):
    """Figures of each phase and step."""
    rows = metrics.read_metrics(workdir)
    return {(row.pop("phase"), row.pop("step")): row for row in rows}


def _start(*words, more=()):
    """A process for each of two hosts, which find each other; a script of -c gets the address, its number and more."""
    address = f"localhost:{_free_port()}"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    hosts = []
    for i in range(2):
        joined = [f"--coordinator={address}", "--hosts=2", f"--host={i}"]
        found = [address, str(i), *map(str, more)] if "-c" in words else joined
        hosts.append(subprocess.Popen([sys.executable, *words, *found], cwd=helpers.ROOT, **pipes))
    return hosts


def _end(hosts):
    """(exit status, output, errors) of each host."""
    try:
        ended = [host.communicate(timeout=600) for host in hosts]
    finally:
        for host in hosts:
            host.kill()
    return [(host.returncode, *output) for host, output in zip(hosts, ended, strict=True)]


def test_two_hosts_train_as_one_does(trained_workdir, data_dir, tmp_path):
    """The same global batches, half of them on each host: the same curves, and one report.

    Even where one of them is told to stop: both save at one step, and go on from there.
    """
    command = (
        "-m", "amgan_jax.main", "--config=configs/tiny.py", f"--workdir={tmp_path / 'w'}",
        f"--config.data.data_dir={data_dir}", "--config.evaluate.measures=('edits',)",
    )  # fmt: skip
    hosts = _start(*command)
    while not _figures(tmp_path / "w") and hosts[1].poll() is None:
        time.sleep(0.1)
    hosts[1].send_signal(signal.SIGTERM)
    for status, _, errors in _end(hosts):
        assert status == 143 and "stopped by SIGTERM: nothing is lost" in errors, errors
    for phase, step in _figures(tmp_path / "w"):
        assert checkpoints.progress(tmp_path / "w" / phase)[0] >= step
    for status, _, errors in _end(_start(*command)):
        assert status == 0, errors
    ours, alone = _figures(tmp_path / "w"), _figures(trained_workdir)
    assert ours.keys() == alone.keys() and len(ours) == 12
    for step, figures in alone.items():
        assert ours[step].keys() == figures.keys()
        for name, value in figures.items():
            np.testing.assert_allclose(ours[step][name], value, rtol=2e-3, atol=2e-4, err_msg=f"{step} {name}")
    assert (tmp_path / "w" / "report" / "metrics.json").exists()


_TAKE_BATCHES = """
import sys
import numpy as np
from amgan_jax.training import checkpoints, parallel
from amgan_jax import metrics
from tests import helpers
parallel.join(sys.argv[1], 2, int(sys.argv[2]))
word = parallel.word_of_first_host(f"of {sys.argv[2]}")  # first: a host that has failed is not waited for
assert word == "of 0", word
config, source = helpers.tiny_config(), helpers.rendered_source()
config.data.crop = 0.1
image = next(source.classifier_batches(config, "attention", 0))["image"]
batch = next(source.amgan_batches(config, 0))
print("means", *np.round([*image.mean((1, 2, 3)), *batch["reference"].mean((1, 2, 3))], 4))
"""


def test_each_host_takes_its_part_of_arrays(tmp_path):
    ended = _end(_start("-c", _TAKE_BATCHES))
    assert [status for status, _, _ in ended] == [0, 0], ended
    lines = [next(line for line in output.splitlines() if line.startswith("means ")) for _, output, _ in ended]
    shares = [np.array(line.split()[1:], float) for line in lines]
    config, source = helpers.tiny_config(), helpers.rendered_source()
    config.data.crop = 0.1
    image = next(source.classifier_batches(config, "attention", 0))["image"]
    reference = next(source.amgan_batches(config, 0))["reference"]
    for whole, part in ((image, slice(0, 8)), (reference, slice(8, None))):
        ours = np.concatenate([share[part] for share in shares])
        np.testing.assert_allclose(ours, whole.mean((1, 2, 3)), atol=1e-3)


_ONE_ENDS_FIRST = """
import pathlib, sys, time
from amgan_jax.training import parallel, preemption
preemption.watch.install(joins=True)
parallel.join(sys.argv[1], 2, int(sys.argv[2]))
preemption.watch.join()
pathlib.Path(sys.argv[3], sys.argv[2]).touch()
if parallel.is_first_host():
    time.sleep(60.0)
"""


def test_a_host_at_its_end_leaves_with_the_first_one_which_still_hears_a_signal(tmp_path):
    """The first host writes the report alone, while the others have nothing left to do."""
    hosts = _start("-c", _ONE_ENDS_FIRST, more=[tmp_path])
    while not all((tmp_path / name).exists() for name in "01") and hosts[0].poll() is None:
        time.sleep(0.1)
    time.sleep(1.0)  # the other one comes to its end
    hosts[0].send_signal(signal.SIGTERM)
    for status, _, errors in _end(hosts):
        assert status == 143 and "stopped by SIGTERM" in errors, errors


_COMES_LATE = """
import pathlib, sys, time
from amgan_jax.training import parallel, preemption
preemption.watch.install(joins=True)
pathlib.Path(sys.argv[3], sys.argv[2]).touch()
while sys.argv[2] == "0" and not pathlib.Path(sys.argv[3], "come").exists():
    time.sleep(0.1)
parallel.join(sys.argv[1], 2, int(sys.argv[2]))
preemption.watch.join()
time.sleep(60.0)
"""


@pytest.mark.parametrize("comes", [True, False])
def test_a_host_that_hears_a_signal_before_the_others_have_come_leaves(tmp_path, comes):
    """With the others where they come soon, else alone: JAX aborts who posts a notice before all have met."""
    hosts = _start("-c", _COMES_LATE, more=[tmp_path])
    while not all((tmp_path / name).exists() for name in "01"):
        time.sleep(0.1)
    time.sleep(1.0)  # the other one knocks
    hosts[1].send_signal(signal.SIGTERM)
    if comes:
        (tmp_path / "come").touch()
    else:
        hosts[1].wait()
        hosts[0].send_signal(signal.SIGTERM)
    for status, _, errors in _end(hosts):
        assert status == 143 and "stopped by SIGTERM" in errors, errors


_WAITS_ALONE = """
import sys
from amgan_jax.training import parallel
parallel.MEETING = 2
parallel.join(sys.argv[1], 2, int(sys.argv[2]))
"""


@pytest.mark.parametrize("number", [0, 1])
def test_a_host_that_waits_in_vain_ends_in_one_line(number):
    address = f"localhost:{_free_port()}"
    ended = helpers.run("-c", _WAITS_ALONE, address, str(number))
    helpers.assert_refused(ended, f"not all hosts have come to {address} in 2 s")


def test_a_coordinator_that_is_no_address_or_is_taken_is_refused():
    for address in ("a", ":1", "a:b", "a:0", "a:70000"):
        with pytest.raises(UserError, match="name host 0 and a free port"):
            parallel.join(address, 2, 1)
    with socket.create_server(("", 0)) as taken:
        address = f"localhost:{taken.getsockname()[1]}"
        with pytest.raises(UserError, match=f"{address}: cannot listen there: Address already in use"):
            parallel.join(address, 2, 0)


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
