"""Atomic writes: a file gets its name only when it is complete.

`replacing` overwrites, `write_new` does not. `open_fresh` and `name_new` are their two steps, for callers that choose
the name later.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

# O_EXCL never opens an existing file or link; O_NOFOLLOW is for systems whose O_EXCL follows links.
_FRESH = (
    os.O_RDWR | os.O_CREAT | os.O_EXCL
    | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)  # fmt: skip
_LONGEST_STEM = 200  # bytes; most file systems allow names of 255


@contextlib.contextmanager
def replacing(path: Path, within: Path | None = None) -> Iterator[BinaryIO]:
    """A new binary file, open for writing, that is renamed to `path` when the block ends without an error.

    Until then `path` is unchanged; a link is replaced, not followed. After an error the new file is removed; a killed
    process leaves it. It is created with an unguessable name (`file.name`) beside `path`, or in the directory `within`
    of the same file system, with the permissions of the umask. Raises `OSError`.
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

    Its name is that of `beside`, with a leading dot and 16 random hex digits at the end. The caller closes it and
    renames or removes it. Raises `OSError`.
    """
    stem = os.fsdecode(os.fsencode(beside.name)[:_LONGEST_STEM])
    path = beside.with_name(f".{stem}.{secrets.token_hex(8)}")
    return open(path, "w+b", opener=lambda name, _: os.open(name, _FRESH, 0o666))


def write_new(folder: Path, names: Iterator[str], data: bytes) -> Path:
    """Write `data` to a file in `folder` with the first of endless `names` that is free. Raises `OSError`."""
    file = open_fresh(folder / "new")
    temporary = Path(file.name)
    try:
        with file:
            file.write(data)
        while True:
            with contextlib.suppress(FileExistsError):
                path = folder / next(names)
                name_new(temporary, path)
                return path
    finally:
        temporary.unlink(missing_ok=True)


def name_new(temporary: Path, path: Path) -> None:
    """Rename the closed file `temporary` to `path`, which must not exist: `FileExistsError`, and both are unchanged.

    Raises other `OSError`. `path` never shows a part of the contents.
    """
    try:
        # A rename would replace a file that is there already; a link does not.
        os.link(temporary, path, follow_symlinks=False)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):  # a file system without links: reserve the name, then replace it
        os.close(os.open(path, _FRESH, 0o666))
        os.replace(temporary, path)
    else:
        temporary.unlink()
