"""Locks on files, by which processes of one machine, or of several that share a disk, take turns.

They are POSIX record locks (on Windows, of the first byte): forked processes do not inherit them, and the system
releases them when a process dies, however it does.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

_BUSY = (errno.EACCES, errno.EAGAIN)
_PAUSE = 0.05  # seconds between two attempts


class FileLock:
    """A lock on the file `path`, which is made where it is missing, and stays. Methods raise `OSError`.

    file: the open file while the lock is held, else None. As a context manager it waits for the lock. Threads of one
    process are not kept apart: closing any descriptor of the file ends all locks that the process has on it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: BinaryIO | None = None

    def acquire(self) -> bool:
        """Take the lock. False: another process has it."""
        file = open(self.path, "ab")  # noqa: SIM115  # open as long as the lock is held
        try:
            _try_lock(file.fileno())
        except OSError as error:
            file.close()
            if error.errno in _BUSY:
                return False
            raise
        except BaseException:
            file.close()
            raise
        self.file = file
        return True

    def wait(self) -> None:
        """Take the lock, as soon as no other process has it."""
        while not self.acquire():
            time.sleep(_PAUSE)

    def release(self) -> None:
        """Give the lock back, which must be held."""
        assert self.file is not None
        self.file.close()  # which ends the lock
        self.file = None

    def __enter__(self) -> FileLock:
        self.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
