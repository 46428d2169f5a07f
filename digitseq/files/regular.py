"""Files that may come from somebody else: only regular files are opened, and reads are bounded.

Objects in a store, see `digitseq.files.locations`, are regular files.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path
from typing import BinaryIO

from digitseq.files.locations import is_file, is_object
from digitseq.files.stored_file import open_stored

# O_NONBLOCK: opening a named pipe would otherwise block before its type can be checked
_COMMON = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_APPEND = _COMMON | os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)


def open_regular(path: Path) -> io.BufferedReader:
    """`path`, open for reading. Raises `OSError`, also for devices, pipes and sockets, which may never end."""
    if is_object(path):
        return open_stored(path)
    return open(path, "rb", opener=lambda name, _: _descriptor(name, os.O_RDONLY | _COMMON, "it is not a regular file"))


def open_text(path: Path, newline: str | None = None) -> io.TextIOWrapper:
    """The same as UTF-8 text. newline: as in `open`."""
    return io.TextIOWrapper(open_regular(path), "utf-8", newline=newline)


def append_regular(path: Path) -> BinaryIO:
    """`path`, open for appending; it is created if missing. Links are not followed.

    Raises `OSError`, also for devices, pipes and sockets.
    """
    return open(path, "ab", opener=lambda name, _: _descriptor(name, _APPEND, f"{path.name} is not a regular file"))


def _descriptor(path: str, flags: int, otherwise: str) -> int:
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno == errno.ENXIO:  # opening a pipe for writing that has no reader
            raise OSError(errno.EINVAL, otherwise, path) from None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, otherwise, path)


def regular_size(path: Path) -> int | None:
    """The size of the regular file `path` in bytes; None if it does not exist or is anything else, such as a link.

    Raises `OSError` when that cannot be determined.
    """
    if is_object(path):
        return path.stat().st_size if is_file(path) else None
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def ends_a_line(path: Path) -> bool:
    """Whether lines can be appended to the file `path`: it ends with a newline, is empty, or does not exist."""
    if not regular_size(path):
        return True
    with open_regular(path) as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def read_regular(path: Path, max_bytes: int) -> bytes:
    """The contents of `path`. Raises `OSError`, also when it has more than `max_bytes`."""
    with open_regular(path) as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise OSError(errno.EFBIG, f"it has more than {max_bytes:,} bytes", str(path))
    return data
