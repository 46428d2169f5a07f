"""Files that somebody else may have put there: regular ones only, and no more is read than is expected of them."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

# O_NONBLOCK: a pipe would be waited for, before it could be told that it is one
_COMMON = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_APPEND = _COMMON | os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)


def open_regular(path: Path) -> io.BufferedReader:
    """`path`, open for reading. Raises `OSError`, also for a device, a pipe or a socket, which may never end."""
    return open(path, "rb", opener=lambda name, _: _descriptor(name, os.O_RDONLY | _COMMON, "it is not a regular file"))


def append_regular(path: Path) -> int:
    """A descriptor to add to the end of `path`, which is made when there is none, and never followed if it is a link.

    Raises `OSError`, also for a device, a pipe or a socket.
    """
    return _descriptor(os.fspath(path), _APPEND, f"{path.name} is not a regular file")


def _descriptor(path: str, flags: int, otherwise: str) -> int:
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a pipe that nobody reads
            raise OSError(errno.EINVAL, otherwise, path) from None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, otherwise, path)


def regular_size(path: Path) -> int | None:
    """The bytes of the regular file `path`; None where there is none, or anything else, a link among them.

    Raises `OSError` where that cannot be found out.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def read_regular(path: Path, most: int) -> bytes:
    """All of `path`. Raises `OSError`, also when it has more than `most` bytes."""
    with open_regular(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
    return data
