"""Where files are: on this machine, or in an object store.

Folders in object stores are `upath.UPath` objects, which have the methods of `pathlib.Path` for any file system that
fsspec knows. What is written for paths works for both, as long as it uses these methods and the functions of
`digitseq.files`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from digitseq.errors import DigitseqError, OutputError, one_line
from digitseq.files.retries import tried
from digitseq.lazy_imports import import_package

_URL = r"(?i)([a-z][a-z0-9+.:-]+)://"  # of two letters or more: C:// is a drive
_ONE_SLASH = r"(?i)((?:s3|s3a|gs|gcs|az|abfs|memory):)/*([^/].*)"
_EXTRAS = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
_OPENERS = {"fsspec", "upath"}  # whatever a store's package raises comes through one of these
# with these errors a store answers a question; with all others it has not done what it was asked
_ANSWERS = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError)
_NUMBERS: dict[type[OSError], int] = {
    FileNotFoundError: errno.ENOENT, FileExistsError: errno.EEXIST, NotADirectoryError: errno.ENOTDIR,
    IsADirectoryError: errno.EISDIR, PermissionError: errno.EACCES, TimeoutError: errno.ETIMEDOUT,
}  # fmt: skip


class StoreError(OSError):
    """An object store cannot be reached, or refuses what it was asked. strerror: why, in one line."""


def location(text: str) -> Path:
    """The folder or file `text`: a path, or a URL that fsspec knows, such as s3://bucket/prefix.

    Nothing is asked of a store yet. Raises `OutputError` for a URL that names no place in a store, and
    `MissingPackageError` when a package for its store cannot be loaded.
    """
    if ":" not in text:  # compiling the patterns would take longer than the rest
        return Path(text)
    found = re.match(_URL, text)
    if not found:
        if missing := re.match(_ONE_SLASH, text):
            raise OutputError(f"{one_line(text, 80)} is no URL: did you mean {missing[1]}//{one_line(missing[2], 80)}?")
        return Path(text)
    scheme = found[1].lower()
    if scheme == "file":
        return Path(text[found.end() :])
    if ":" in scheme:
        raise OutputError(
            f"{one_line(text, 80)} leads through {scheme}: give a path, or a URL such as s3://bucket/prefix"
        )
    needed = f"{_EXTRAS.get(scheme, '')} universal-pathlib".strip()
    upath = import_package("upath", f"{scheme}://", needed)
    if scheme in _EXTRAS:
        import_package(_EXTRAS[scheme], f"{scheme}://", needed)
    try:
        # listings are not cached: other processes write to the same place
        path = upath.UPath(scheme + text[found.end(1) :], use_listings_cache=False)
        path.fs  # noqa: B018  # loads what the scheme needs
        named = [*path.path.strip("/").split("/"), (path / "x").name]
    except Exception as error:  # such as ValueError, TypeError, OSError: each package has its own way to say no
        raise OutputError(
            f"{one_line(text, 80)} is in no store that can be used here ({one_line(error, 120)}): give a path, or a "
            "URL such as s3://bucket/prefix"
        ) from None
    if not named[0]:
        raise OutputError(f"{one_line(text, 80)} names no bucket: give a URL such as s3://bucket/prefix")
    if not {"", ".", ".."}.isdisjoint(named):
        raise OutputError(f"{one_line(text, 80)} has // or .. in it: give a URL such as s3://bucket/prefix")
    return cast(Path, path)


def is_object(path: Path) -> bool:
    """Whether `path` is in an object store."""
    return hasattr(type(path), "fs")


def is_there(path: Path) -> bool:
    """Whether anything is at `path`, even a link that leads nowhere. Raises `OSError`."""
    return _kind(path) is not None if is_object(path) else os.path.lexists(path)


def exists(path: Path) -> bool:
    """Whether anything is at `path` that is no link, or whatever a link leads to. Raises `OSError`."""
    return _kind(path) is not None if is_object(path) else path.exists()


def is_file(path: Path) -> bool:
    """Whether a file is at `path`, or a link to one. Raises `OSError`."""
    return _kind(path) == "file" if is_object(path) else path.is_file()


def is_folder(path: Path) -> bool:
    """Whether a folder is at `path`, or a link to one. Raises `OSError`."""
    return _kind(path) == "directory" if is_object(path) else path.is_dir()


def _kind(path: Path) -> str | None:
    """What a store has at `path`. `Path`'s methods say that nothing is there when the store does not answer, too."""

    def asked() -> str:
        with store_errors(path):
            return str(path.fs.info(path.path)["type"])  # type: ignore[attr-defined]

    try:
        return tried(asked)
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Raise what goes wrong with the object store of `path` in the block as `OSError` with a reason of one line.

    `FileNotFoundError`, `FileExistsError`, `NotADirectoryError` and `IsADirectoryError` stay what they are; all else
    that a store's package raises becomes `StoreError`. Nothing is changed for paths on this machine, nor for errors
    that do not come from a store.
    """
    try:
        yield
    except Exception as error:
        if not is_object(path) or not _is_of_a_store(error):
            raise
        raise _as_os_error(error, path) from error


def _is_of_a_store(error: Exception) -> bool:
    """Whether `error` was raised inside a store's package. Its type does not tell: some raise `ValueError`."""
    if isinstance(error, DigitseqError | MemoryError):
        return False
    import traceback  # programs start sooner without

    frames = traceback.walk_tb(error.__traceback__)
    return any(str(frame.f_globals.get("__name__")).partition(".")[0] in _OPENERS for frame, _ in frames)


def _as_os_error(error: Exception, path: Path) -> OSError:
    message = " ".join(str(getattr(error, "strerror", None) or error).split())
    number = getattr(error, "errno", None) or next((n for kind, n in _NUMBERS.items() if isinstance(error, kind)), 0)
    if number and (" " not in message or path.path.strip("/") in message):  # type: ignore[attr-defined]
        message = os.strerror(number)  # instead of a path, or nothing
    elif type(error).__module__ == "builtins" and not isinstance(error, OSError):
        message = f"{type(error).__name__}: {message}"
    make = OSError if isinstance(error, _ANSWERS) else StoreError
    return make(number or errno.EIO, one_line(message, 200) or type(error).__name__, str(path))
