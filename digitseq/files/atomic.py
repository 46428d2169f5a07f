"""Files that are there whole or not at all.

`replacing` is for most uses; `write_new` for those that must not overwrite; `open_fresh` and `name_new` are their
steps, for whoever names a file later.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

# O_EXCL: a name that is taken is never opened, whatever stands there; O_NOFOLLOW says the same of links to systems
# whose O_EXCL does not.
_FRESH = (
    os.O_RDWR | os.O_CREAT | os.O_EXCL
    | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)  # fmt: skip
_LONGEST_STEM = 200  # bytes; file systems stop at 255
_TRIES = 100


@contextlib.contextmanager
def replacing(path: Path, within: Path | None = None) -> Iterator[BinaryIO]:
    """A new binary file, open for writing, that becomes `path` when the block ends without an error.

    Until then `path` stays what it is; where it is a link, the link is replaced, not what it leads to. After an
    error nothing is left of the new file; a killed process leaves it. The file has a name beside `path`, or in the
    directory `within` of the same file system, that cannot be guessed (`file.name`), is made new, and has the
    permissions that the umask gives. Raises `OSError`.
    """
    file = open_fresh(path if within is None else within / path.name)
    temporary = Path(file.name)
    try:
        with file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def open_fresh(beside: Path) -> BinaryIO:
    """A new file in the directory of `beside`, open for reading and writing; its path is `.name`.

    It is called `.NAME.` and 16 random hex digits, NAME being that of `beside`. The caller closes it, and renames or
    removes it. Raises `OSError`.
    """
    stem = os.fsdecode(os.fsencode(beside.name)[:_LONGEST_STEM])
    for _ in range(_TRIES):
        path = beside.with_name(f".{stem}.{secrets.token_hex(8)}")
        with contextlib.suppress(FileExistsError):
            return open(path, "w+b", opener=lambda name, _: os.open(name, _FRESH, 0o666))
    raise FileExistsError(errno.EEXIST, "no new name was free", str(beside))


def write_new(paths: Iterable[Path], data: bytes) -> Path:
    """Write `data` to the first of `paths`, all in one directory, that is not taken; returns that. Raises `OSError`."""
    names = iter(paths)
    first = next(names)
    file = open_fresh(first)
    temporary = Path(file.name)
    try:
        with file:
            file.write(data)
        for path in chain([first], names):
            with contextlib.suppress(FileExistsError):
                name_new(temporary, path)
                return path
    finally:
        temporary.unlink(missing_ok=True)
    raise FileExistsError(errno.EEXIST, "every name is taken", str(first))


def name_new(temporary: Path, path: Path) -> None:
    """Give the closed file `temporary` the name `path`, unless that is taken: `FileExistsError`, and both stay.

    Raises `OSError` otherwise. Nobody ever sees part of the file under `path`.
    """
    try:
        os.link(temporary, path, follow_symlinks=False)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):  # a file system without links: take the name first, then replace it
        os.close(os.open(path, _FRESH, 0o666))
        os.replace(temporary, path)
    else:
        temporary.unlink()
