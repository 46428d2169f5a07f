"""Requests to an object store that are made again after a while: stores answer 503 while they are busy."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

WAITS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  # seconds before each further attempt of a run, which others wait for
READ_WAITS = (0.5, 1.0, 2.0, 4.0)  # of what only reads
# errors after which further attempts would end in the same way
FINAL = (errno.ENOENT, errno.EEXIST, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR)

T = TypeVar("T")


def never() -> bool:
    """A run that nobody asks to stop."""
    return False


def _slept(seconds: float) -> bool:
    time.sleep(seconds)
    return True


def tried(call: Callable[[], T], waits: Sequence[float] | None = None, waited: Callable[[float], bool] = _slept) -> T:
    """What `call` returns, which is made again when it raises `OSError`, unless that is one of `FINAL`.

    waits: seconds before each further attempt; None: `READ_WAITS`
    waited: waits for that time; returns whether there shall be a further attempt
    """
    left = iter(READ_WAITS if waits is None else waits)
    while True:
        try:
            return call()
        except OSError as error:
            wait = next(left, None)
            if error.errno in FINAL or wait is None or not waited(wait):
                raise
