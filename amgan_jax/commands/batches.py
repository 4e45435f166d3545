"""What the commands for people's photos share: photos flow through threads and networks, a few at a time.

Each stage is a generator that takes no more from the one before than it can work on, so memory does not grow
with the number of photos, and everything keeps its order.
"""

import collections
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
import contextlib
import itertools
import logging
import os
import sys
from typing import TypeVar

import numpy as np
from tqdm import tqdm
from tqdm.contrib import logging as tqdm_logging

from amgan_jax.errors import UserError

BATCH = 8  # photos at once in a network
_THREADS = min(8, os.cpu_count() or 1)  # which decode, or encode, beside the network
_SECONDS = 0.5  # between two states of the progress bar; where it goes to a file, that is _SECONDS_IN_FILES
_SECONDS_IN_FILES = 10.0
_log = logging.getLogger(__name__)

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Failures:
    """What could not be read or written.

    Args:
      skip: whether to go on after it; else no more photos are taken in, and what is under way is finished.
    """

    def __init__(self, skip: bool):
        self._skip = skip
        self._messages: list[str] = []

    def keep_good(self, works: Iterable[futures.Future[_Result]]) -> Iterator[_Result]:
        """The results of what did not raise UserError."""
        for work in works:
            try:
                result = work.result()
            except UserError as error:
                self._messages.append(str(error))
                if not self._skip:
                    return
                continue
            yield result

    @property
    def stopped(self) -> bool:
        """Whether photos were left that are not done."""
        return bool(self._messages) and not self._skip

    def report(self, total: int) -> None:
        """Lists what was left out; UserError where nothing may be, or nothing else was there."""
        if self.stopped:
            raise UserError(f"{self._messages[0]} (--skip_bad leaves such files out)")
        if len(self._messages) == total > 0:
            raise UserError(f"none of the {total} photos can be read and written, the first one: {self._messages[0]}")
        if self._messages:
            _log.warning("%d of %d photos were left out:", len(self._messages), total)
        for message in self._messages:
            _log.warning("skipped: %s", message)


@contextlib.contextmanager
def threads() -> Iterator[futures.Executor]:
    """A pool for `in_threads`; what has not begun when the block ends is not done."""
    pool = futures.ThreadPoolExecutor(_THREADS)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def in_threads(
    pool: futures.Executor, work: Callable[[_Item], _Result], items: Iterable[_Item]
) -> Iterator[futures.Future[_Result]]:
    """work(item) of each item, in order, as futures that are done or soon will be; BATCH of them at once."""
    pending = collections.deque()
    for item in items:
        pending.append(pool.submit(work, item))
        if len(pending) > BATCH:
            yield pending.popleft()
    while pending:
        yield pending.popleft()


def grouped(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    """Lists of `size` items; the last one may be shorter."""
    rest = iter(items)
    while group := list(itertools.islice(rest, size)):
        yield group


def padded(images: list[np.ndarray], size: int) -> np.ndarray:
    """Images of one shape, stacked; the last one is repeated up to `size`, so that one shape is compiled."""
    return np.stack(images + [images[-1]] * (size - len(images)))


@contextlib.contextmanager
def progress(total: int, done: int) -> Iterator[tqdm]:
    """A bar on stderr with photos/s and the time left, and log lines above it.

    Args:
      total: number of photos.
      done: how many of them an earlier run did.
    """
    seconds = _SECONDS if sys.stderr.isatty() else _SECONDS_IN_FILES
    bar = tqdm(
        total=total, initial=done, unit="photo", file=sys.stderr, mininterval=seconds, disable=total < 2,
        dynamic_ncols=True,
    )  # fmt: skip
    with tqdm_logging.logging_redirect_tqdm([logging.getLogger("amgan_jax")]), bar:
        yield bar


def say(line: str) -> None:
    """Prints a line to stdout, above the bar where both go to one terminal."""
    if sys.stderr.isatty():
        tqdm.write(line)
    else:
        print(line)


def counted(items: Iterable[_Item], bar: tqdm) -> Iterator[_Item]:
    """The items; the bar goes on by one as the next one is asked for."""
    for item in items:
        yield item
        bar.update()
