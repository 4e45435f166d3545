"""One owner of a workdir at a time."""

import contextlib
import json
import os
import signal
import subprocess
import sys

import psutil
import pytest

from amgan_jax.errors import UserError
from amgan_jax.training import ownership
from tests import helpers

_HOLD = """
import pathlib, sys, time
from amgan_jax.training import ownership
ownership._BEAT = 0.2
with ownership.hold(pathlib.Path(sys.argv[1])):
    print("mine", flush=True)
    time.sleep(600)
"""


@contextlib.contextmanager
def _owned(workdir):
    """Another process that owns a workdir."""
    words = [sys.executable, "-c", _HOLD, workdir]
    with subprocess.Popen(words, cwd=helpers.ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "mine\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def owner(tmp_path):
    """Another process that owns the workdir `tmp_path / "w"`."""
    with _owned(tmp_path / "w") as process:
        yield process


def test_a_workdir_whose_owner_lives_is_refused_and_one_whose_owner_was_killed_is_taken_over(owner, tmp_path, caplog):
    said = f"in use by process {owner.pid} of .* on .*: wait for it"
    with pytest.raises(UserError, match=said), ownership.hold(tmp_path / "w"):
        pass
    owner.kill()
    owner.wait()
    with ownership.hold(tmp_path / "w"):
        assert f"process {owner.pid}" in caplog.text and "taken over" in caplog.text
        ownership.check(tmp_path / "w")
    assert not (tmp_path / "w").exists()  # nothing was written into it


def test_an_owner_on_another_machine_is_known_by_its_signs_of_life(owner, tmp_path, monkeypatch, caplog):
    _as_of_another_machine(tmp_path / "w")
    with pytest.raises(UserError, match="in use by .* on elsewhere"), ownership.hold(tmp_path / "w"):
        pass
    owner.send_signal(signal.SIGSTOP)  # as one that cannot reach the disk
    monkeypatch.setattr(ownership, "_LIFETIME", 2.0)
    with ownership.hold(tmp_path / "w"):
        assert "on elsewhere" in caplog.text and "taken over" in caplog.text


def _as_of_another_machine(workdir):
    """Nothing tells whether the owner's process runs."""
    record = workdir / ".owner.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"host": "elsewhere"}))


def test_an_owner_that_has_lost_its_workdir_is_told_and_leaves_the_new_owner_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(ownership, "_BEAT", 0.05)
    monkeypatch.setattr(ownership, "_LOOK", 0.05)
    workdir = tmp_path / "w"
    with ownership.hold(workdir):
        (workdir / ".owner").unlink()
        taken = subprocess.Popen([sys.executable, "-c", _HOLD, workdir], cwd=helpers.ROOT, stdout=subprocess.PIPE)
        try:
            assert taken.stdout.readline() == b"mine\n"
            with pytest.raises(UserError, match=f"taken over by process {taken.pid}"):
                ownership.check(workdir)
        finally:
            taken.kill()
            taken.communicate()
    assert (workdir / ".owner").exists()


def test_a_lock_that_another_process_has_broken_meanwhile_is_not_broken(owner, tmp_path, monkeypatch):
    """Two find the same dead owner: the slower one must not remove the quicker one's lock."""
    owner.kill()
    owner.wait()
    workdir, runs = tmp_path / "w", psutil.pid_exists
    with contextlib.ExitStack() as stack:

        def be_slower(pid):
            monkeypatch.setattr(psutil, "pid_exists", runs)
            quicker.append(stack.enter_context(_owned(workdir)))
            return False

        quicker = []
        monkeypatch.setattr(psutil, "pid_exists", be_slower)
        with pytest.raises(UserError, match="in use by process") as refused, ownership.hold(workdir):
            pass
        assert f"process {quicker[0].pid} " in str(refused.value)
        assert (workdir / ".owner").exists()
        assert [path.name for path in workdir.glob(".owner.*")] == [".owner.json"]  # nothing is left aside


def test_a_disk_without_hard_links_is_worked_on_without_a_lock(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    with ownership.hold(tmp_path / "w"):
        assert "cannot be locked (Operation not supported)" in caplog.text


def test_a_user_without_a_name_may_own_a_workdir(tmp_path, monkeypatch):
    def nameless():
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr("getpass.getuser", nameless)
    with ownership.hold(tmp_path / "w"):
        assert f"user {os.getuid()}" in (tmp_path / "w" / ".owner.json").read_text()


def test_what_holds_a_workdir_may_hold_it_again(tmp_path):
    with ownership.hold(tmp_path / "w"), ownership.hold(tmp_path / "w"):
        ownership.check(tmp_path / "w")
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("mode", ["train", "evaluate"])
def test_a_second_main_in_a_workdir_stops_in_one_line(trained_workdir, data_dir, mode):
    before = (trained_workdir / "metrics.jsonl").read_bytes()
    flags = ("--config=configs/tiny.py", f"--workdir={trained_workdir}", f"--config.data.data_dir={data_dir}")
    with _owned(trained_workdir) as owner:
        result = helpers.run("-m", "amgan_jax.main", *flags, f"--mode={mode}")
    helpers.assert_refused(result, f"{trained_workdir} is in use by process {owner.pid}", "name another --workdir")
    assert (trained_workdir / "metrics.jsonl").read_bytes() == before
