"""Reading files that somebody else made: regular ones only, and no more than is expected of them."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

# a pipe would be waited for, before it could be told that it is one
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def open_regular(path: Path) -> io.BufferedReader:
    """`path`, open for reading. Raises `OSError`, also for a device, a pipe or a socket, which may never end."""
    return open(path, "rb", opener=_open_regular)


def _open_regular(path: str, _: int) -> int:
    descriptor = os.open(path, _FLAGS)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is not a regular file", path)


def read_regular(path: Path, most: int) -> bytes:
    """All of `path`. Raises `OSError`, also when it has more than `most` bytes."""
    with open_regular(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
    return data
