"""Files that somebody else may have put there: regular ones only, and no more is read than is expected of them."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

# a pipe would be waited for, before it could be told that it is one
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

_APPEND = (
    os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)  # fmt: skip


def open_regular(path: Path) -> io.BufferedReader:
    """`path`, open for reading. Raises `OSError`, also for a device, a pipe or a socket, which may never end."""
    return open(path, "rb", opener=_open_regular)


def _open_regular(path: str, _: int) -> int:
    descriptor = os.open(path, _FLAGS)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is not a regular file", path)


def append_regular(path: Path) -> int:
    """A descriptor to add to the end of `path`, which is made when there is none, and never followed if it is a link.

    Raises `OSError`, also for a device, a pipe or a socket.
    """
    try:
        descriptor = os.open(path, _APPEND, 0o666)
    except OSError as error:
        if error.errno != errno.ENXIO:  # a pipe that nobody reads
            raise
        raise _not_regular(path) from None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise _not_regular(path)


def _not_regular(path: Path) -> OSError:
    return OSError(errno.EINVAL, f"{path.name} is not a regular file", str(path))


def regular_size(path: Path) -> int | None:
    """The bytes of the regular file `path`; None where there is none, or anything else, a link among them."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def read_regular(path: Path, most: int) -> bytes:
    """All of `path`. Raises `OSError`, also when it has more than `most` bytes."""
    with open_regular(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
    return data
