"""One owner of a workdir at a time, on all machines that share its disk.

A lock file (flufl.lock: a hard link, which is atomic on network disks too) is touched every few seconds for
as long as its owner lives. Whether an owner lives is told by whether that goes on, not by clocks, which
differ between machines.
"""

from collections.abc import Iterator
import contextlib
import datetime
import getpass
import json
import logging
import os
import pathlib
import threading
import time

from flufl import lock as flufl
import jax
import psutil

from amgan_jax.errors import UserError
from amgan_jax.files import write_atomically
from amgan_jax.training import parallel
from amgan_jax.training.preemption import watch
from amgan_jax.workdir import LOCK

_BEAT = 5.0  # seconds between two touches
_LIFETIME = 60.0  # seconds without a touch, after which an owner counts as dead
_LOOK = 0.5  # seconds between two looks at another's lock
_log = logging.getLogger(__name__)
_held: dict[pathlib.Path, bool] = {}  # workdirs that this process has taken, and whether it still has them


@contextlib.contextmanager
def hold(workdir: pathlib.Path) -> Iterator[None]:
    """Owns a workdir, which need not exist, for all hosts of a training; for what owns it already, does nothing.

    Raises:
      UserError: another process owns it, on this machine or on another.
    """
    workdir = workdir.absolute()
    if workdir in _held or (workdir.exists() and not workdir.is_dir()):  # the latter is refused elsewhere
        yield
        return
    lock, refused = None, ""
    if jax.process_index() == 0:
        try:
            lock = _acquire(workdir)
        except UserError as error:
            refused = str(error)
    refused = parallel.word_of_first_host(refused)
    if refused:
        raise UserError(refused)
    _held[workdir] = True
    try:
        with _beating(lock, workdir) if lock else contextlib.nullcontext():
            yield
    finally:
        del _held[workdir]


def check(workdir: pathlib.Path) -> None:
    """Raises UserError where this process has lost a workdir, as it gave no sign of life for too long."""
    if not _held.get(workdir.absolute(), True):
        raise UserError(f"{workdir} has been taken over by {_owner(workdir)}: it goes on from the last checkpoint")


def _acquire(workdir):
    """The lock of a workdir; None where its disk has no hard links."""
    path = workdir / LOCK
    logging.getLogger("flufl.lock").setLevel(logging.CRITICAL)  # what it says is said here
    lock = flufl.Lock(str(path), lifetime=datetime.timedelta(seconds=_LIFETIME))
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        while not _try(lock):
            content = _await_death(workdir)
            if content is not None:
                _log.warning("%s was in use by %s, which has ended: taken over", workdir, _owner(workdir))
                _break(path, content)
        write_atomically(workdir / f"{LOCK}.json", json.dumps({"claim": lock.claimfile, **_me()}) + "\n")
    except (PermissionError, NotADirectoryError) as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    except OSError as error:
        _log.warning("%s cannot be locked (%s): see to it that nothing else works in it", workdir, error.strerror)
        return None
    return lock


@contextlib.contextmanager
def _beating(lock, workdir):
    """Touches a lock from time to time, and gives it back at the end."""
    ended = threading.Event()

    def beat():
        while not ended.wait(_BEAT):
            # Twice: who looks at a dead owner's lock may move ours for a moment.
            if not (_touch(lock) or ended.wait(_LOOK) or _touch(lock)):
                _held[workdir] = False

    def release():
        ended.set()
        with contextlib.suppress(OSError, flufl.NotLockedError):
            lock.unlock()
            (workdir / f"{LOCK}.json").unlink()
            workdir.rmdir()  # where nothing has been written into it

    threading.Thread(target=beat, daemon=True).start()
    watch.on_leave(release)
    try:
        yield
    finally:
        watch.off_leave(release)
        release()


def _touch(lock):
    try:
        return lock.is_locked
    except OSError:  # of a disk that is away for a while
        return True


def _try(lock):
    try:
        lock.lock(timeout=datetime.timedelta(0))
    except flufl.TimeOutError:
        return False
    return True


def _await_death(workdir):
    """What a lock holds whose owner counts as dead, None where there is no lock; UserError where the owner lives."""
    sign = _sign(workdir)
    if sign is None or _has_ended(workdir, sign[0]):
        return sign and sign[0]
    _log.info("%s is locked by %s: waiting for a sign of life", workdir, _owner(workdir))
    since = time.monotonic()
    while time.monotonic() - since < _LIFETIME:
        time.sleep(_LOOK)
        now = _sign(workdir)
        if now is None:
            return None
        if now != sign:
            raise UserError(
                f"{workdir} is in use by {_owner(workdir)}: wait for it to end or stop it, or name another --workdir"
            )
    return sign[0]


def _sign(workdir):
    """(content, time of the last touch) of a lock; None where there is none."""
    try:
        with (workdir / LOCK).open() as file:  # opening has a network disk look anew
            return file.read(), os.fstat(file.fileno()).st_mtime_ns
    except FileNotFoundError:
        return None


def _break(path, content):
    """Removes a lock, unless another process has been quicker and it is that one's now."""
    aside = path.with_name(f"{path.name}.{os.uname().nodename}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError, FileExistsError):
        os.rename(path, aside)
        if aside.read_text() != content:
            os.link(aside, path)
        else:
            pathlib.Path(content).unlink(missing_ok=True)
        aside.unlink()


def _me():
    return {
        "user": _user(),
        "host": os.uname().nodename,
        "pid": os.getpid(),
        "processes": os.readlink("/proc/self/ns/pid") if os.path.exists("/proc/self/ns/pid") else "",
        "since": time.strftime("%Y-%m-%d %H:%M:%S %Z"),
    }


def _user():
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in containers
        return f"user {os.getuid()}"


def _recorded(workdir):
    try:
        return json.loads((workdir / f"{LOCK}.json").read_text())
    except (OSError, json.JSONDecodeError):
        return {}


def _owner(workdir):
    """Who holds a workdir, in words."""
    found = _recorded(workdir)
    return "process {pid} of {user} on {host} (since {since})".format_map(found) if found else "another process"


def _has_ended(workdir, content):
    """Whether the owner ran where this process runs, and runs no more."""
    found, here = _recorded(workdir), _me()
    if found.get("claim") != content or any(found[name] != here[name] for name in ("host", "processes")):
        return False
    return found["pid"] == os.getpid() or not psutil.pid_exists(found["pid"])
