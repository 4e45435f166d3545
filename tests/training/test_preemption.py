"""SIGTERM, SIGINT and SIGHUP: heard at any time, and nothing is lost."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests import helpers

# The main thread is in one call that the interpreter cannot leave, as it is when XLA compiles.
_COMPILING = """
import hashlib, signal
from amgan_jax.training.preemption import watch
signal.signal(signal.SIGHUP, signal.{hangup})
watch.install(joins=False)
watch.on_leave(lambda: print("tidied up", flush=True))
{before}
print("ready", flush=True)
hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
"""

# The main thread makes steps, each followed by the question whether to save.
_STEPPING = """
import time
from amgan_jax.training.preemption import watch
watch.install(joins=False)
for step in range(10**9):
    watch.stepped()
    if step == 3:
        print("ready", flush=True)
    if watch.should_save():
        print("saved", flush=True)
        watch.saved()
    time.sleep(0.01)
"""


def _interrupt(script, *numbers):
    """Exit status and output of a script that gets these signals once it has said that it is ready."""
    words = [sys.executable, "-c", script]
    with subprocess.Popen(
        words, cwd=helpers.ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.2)  # or two signals would be one
        try:
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, output, errors


def _compiling(before="", hangup="SIG_DFL"):
    return _COMPILING.format(before=before, hangup=hangup)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_while_compiling_ends_the_process_at_once_as_nothing_is_unsaved(number, status):
    assert _interrupt(_compiling(), number)[:2] == (status, "tidied up\n")


def test_a_terminal_that_goes_ends_nothing_under_nohup():
    status, output, errors = _interrupt(_compiling(hangup="SIG_IGN"), signal.SIGHUP, signal.SIGTERM)
    assert (status, output) == (143, "tidied up\n") and "stopped by SIGTERM" in errors


def test_a_signal_between_steps_has_the_last_step_saved_first():
    status, output, errors = _interrupt(_STEPPING, signal.SIGTERM)
    assert (status, output) == (143, "saved\n")
    assert "stopped by SIGTERM: nothing is lost" in errors


def test_a_second_signal_ends_a_process_that_cannot_save():
    assert _interrupt(_compiling(before="watch.stepped()"), signal.SIGINT, signal.SIGTERM)[:2] == (130, "")


def test_a_signal_that_an_event_loop_takes_is_heard():
    """As asyncio and uvloop take what the interpreter writes."""
    script = _STEPPING.replace("for step", "import signal\nsignal.set_wakeup_fd(-1)\nfor step")
    assert _interrupt(script, signal.SIGTERM)[:2] == (143, "saved\n")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_build_ends_with_the_training_that_started_it(tmp_path, number, status):
    words = ["-m", "amgan_jax.main", "--config=configs/tiny.py", f"--workdir={tmp_path}/w"]
    words += [f"--config.data.data_dir={tmp_path}/data", "--config.data.builder.train=100000000"]
    environment = os.environ | {"PYTHONPATH": str(helpers.ROOT)}
    process = subprocess.Popen([sys.executable, *words], cwd=helpers.ROOT, env=environment, stderr=subprocess.DEVNULL)
    build = None
    try:
        while not list(tmp_path.glob("data/synthetic_garments/*/incomplete*")):
            assert process.poll() is None
            time.sleep(0.2)
        (build,) = (
            child for child in psutil.Process(process.pid).children() if "amgan_jax.build" in str(child.cmdline())
        )
        process.send_signal(number)
        assert process.wait(60) == status
        build.wait(60)
    finally:
        process.kill()
        process.wait()
        if build and build.is_running():
            build.kill()
