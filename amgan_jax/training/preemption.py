"""Stops on SIGTERM, SIGINT and SIGHUP without losing a step.

A thread hears the signals, as the main one may compile, evaluate or draw for minutes, and looks at
nothing between steps then. Where no step has been made since the last checkpoint, it ends the process at
once: files are written whole or not at all. Else the training loop saves after the step at work and ends.
A second signal ends the process in any case.

Of several hosts, one that hears a signal gives notice to all, as JAX does of a maintenance event. The first
host decides: to leave now, or to save at the step that JAX's preemption sync point names to all hosts. One that
hears it before all hosts have met waits a little for that, so that all leave alike, then leaves alone.
"""

import atexit
from collections.abc import Callable
import logging
import os
import signal
import threading
import time

from jax.experimental import multihost_utils

from amgan_jax.training import parallel

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # the last one: its terminal has gone
_NOTICE = "RECEIVED_PREEMPTION_NOTICE"  # the word that starts JAX's sync protocol
_NOW = "2000-01-01T00:00:00+00:00"  # when it is to start: at once
_LEAVE, _LEFT, _ENDS = "amgan_jax/leave", "amgan_jax/left", "amgan_jax/ends"
_PATIENCE = 10.0  # seconds that a host which is to leave waits for the others
_LOOK, _PAUSE = 1.0, 0.1  # seconds of a look for another host's word, and between two
_PYTHON = 128  # marks what a Python handler writes, and the interpreter does not

_log = logging.getLogger(__name__)


class Watch:
    """What is known of signals, and of steps that no checkpoint has; one a process.

    Before `install` it hears nothing, so that trainings inside of other programs keep their signals.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._unsaved = False
        self._noticed = False
        self._signal = signal.SIGTERM  # until one is heard: of another host's, or of JAX's own
        self._calls = 0
        self._callbacks: list[Callable[[], None]] = []
        self._wake = -1  # where a byte wakes the thread that listens, once there is one
        self._joins = False
        self._joined = threading.Event()
        self._ending = threading.Event()

    def install(self, joins: bool) -> None:
        """Hears signals from now on; to be called on the main thread.

        Args:
          joins: whether other hosts are to be met; then `join` follows.
        """
        self._joins = joins
        listen, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self.hear_again()
        threading.Thread(target=self._listen, args=(listen,), daemon=True).start()

    def hear_again(self) -> None:
        """Puts the handlers back, which joining other hosts replaces."""
        # The interpreter writes a byte when a signal comes. An event loop on the main thread takes that
        # over, so the handlers, which run a little later, write one too.
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        for number in SIGNALS:
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:  # under nohup
                continue
            signal.signal(number, lambda number, _: os.write(self._wake, bytes([number + _PYTHON])))

    def join(self) -> None:
        """Hears of signals that other hosts get; once they have been joined."""
        self.hear_again()
        targets = (self._await_notice,) if parallel.is_first_host() else (self._await_notice, self._await_leave)
        threads = [threading.Thread(target=target, daemon=True) for target in targets]
        for thread in threads:
            thread.start()
        atexit.register(self._end, threads)  # runs before JAX parts from the other hosts
        self._joined.set()

    def on_leave(self, callback: Callable[[], None]) -> None:
        """Has a function called before a signal ends the process."""
        self._callbacks.append(callback)

    def off_leave(self, callback: Callable[[], None]) -> None:
        """Takes that back."""
        self._callbacks.remove(callback)

    def stepped(self) -> None:
        """Tells that a step has been made that no checkpoint has."""
        with self._lock:
            self._unsaved = True

    def should_save(self) -> bool:
        """Whether to save now and leave; to be called on all hosts after each step."""
        if not parallel.has_other_hosts():
            return self._noticed
        self._calls += 1  # not the step, which starts anew with each phase
        return multihost_utils.reached_preemption_sync_point(self._calls)

    def saved(self) -> None:
        """Tells that a checkpoint has every step; ends the process if it is to end."""
        with self._lock:
            self._unsaved = False
            if self._noticed and parallel.is_first_host():
                self._leave()

    def leave(self) -> None:
        """Ends the process, whose every step a checkpoint has, once the first host says so."""
        if parallel.is_first_host():
            with self._lock:
                self._leave()
        parallel.read_post(_LEAVE)
        self._follow()

    def _listen(self, listen):
        heard = {False: 0, True: 0}
        while max(heard.values()) < 2:
            (number,) = os.read(listen, 1)
            heard[number >= _PYTHON] += 1
            if sum(heard.values()) == 1:
                self._signal = signal.Signals(number % _PYTHON)
                _log.warning("%s: saving, then leaving; once more to leave at once", self._signal.name)
                threading.Thread(target=self._notice, daemon=True).start()
        os._exit(128 + self._signal)

    def _notice(self):
        """Of a signal to this host."""
        if not self._joins:
            self._heed()
        elif self._joined.wait(_PATIENCE):  # JAX aborts who posts before
            parallel.post(_NOTICE, _NOW)
        else:
            self._exit()

    def _await_notice(self):
        if self._await(_NOTICE):
            self._heed()

    def _heed(self):
        with self._lock:
            self._noticed = True
            if not self._unsaved and parallel.is_first_host():
                self._leave()

    def _await_leave(self):
        if self._await(_LEAVE):
            self._follow()

    def _await(self, key):
        """Whether a host has posted something; returns when it has, or when this process ends."""
        while not self._ending.wait(_PAUSE):
            if parallel.read_post(key, _LOOK) is not None:
                return True
        return False

    def _end(self, threads):
        """Comes to this process' end, once the first host comes to its own.

        Until then that one may leave, for a signal, and JAX aborts who waits for it to part. Then threads that wait
        for other hosts have to return: where JAX wakes one at the interpreter's end, that aborts.
        """
        if parallel.is_first_host():
            parallel.post(_ENDS, "")
        else:
            self._await(_ENDS)  # or this process leaves with the first host
        self._ending.set()
        for thread in threads:
            thread.join()

    def _follow(self):
        """Of another host: leaves as the first one has said."""
        parallel.post(f"{_LEFT}/{parallel.host()}", "")
        self._exit()

    def _leave(self):
        """Of the first host: sends the others away, then ends the process."""
        if parallel.has_other_hosts():
            parallel.post(_LEAVE, "")
            until = time.monotonic() + _PATIENCE
            for host in range(1, parallel.hosts()):
                parallel.read_post(f"{_LEFT}/{host}", max(0.0, until - time.monotonic()))
        self._exit()

    def _exit(self):
        for callback in reversed(self._callbacks):
            callback()
        _log.warning("stopped by %s: nothing is lost, the same command goes on from here", self._signal.name)
        os._exit(128 + self._signal)


watch = Watch()
