"""Where files are: on this machine, or in an object store.

Folders in object stores are `upath.UPath` objects, which have the methods of `pathlib.Path` for any file system that
fsspec knows. What is written for paths works for both, as long as it uses these methods and the functions of
`digitseq.files`.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from digitseq.errors import OutputError, one_line
from digitseq.lazy_imports import import_package

_URL = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)  # of two letters or more: C:// is a drive
_EXTRAS = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}


def location(text: str) -> Path:
    """The folder or file `text`: a path, or a URL that fsspec knows, such as s3://bucket/prefix.

    Nothing is asked of a store yet. Raises `OutputError` for a URL that names no place in a store, and
    `MissingPackageError` when a package for its store cannot be loaded.
    """
    found = _URL.match(text)
    if not found:
        return Path(text)
    scheme = found[1].lower()
    if scheme == "file":
        return Path(text[found.end() :])
    upath = import_package("upath", f"{scheme}://", "universal_pathlib")
    if scheme in _EXTRAS:
        import_package(_EXTRAS[scheme], f"{scheme}://")
    try:
        # listings are not cached: other processes write to the same place
        path = upath.UPath(text, use_listings_cache=False)
        path.fs  # noqa: B018  # loads what the scheme needs
    except (ImportError, ValueError) as error:
        raise OutputError(
            f"{one_line(text, 80)} is in no store that can be used here ({one_line(error, 120)}): give a path, or a "
            "URL such as s3://bucket/prefix"
        ) from None
    if not path.path.strip("/"):
        raise OutputError(f"{one_line(text, 80)} names no bucket: give a URL such as s3://bucket/prefix")
    return cast(Path, path)


def is_object(path: Path) -> bool:
    """Whether `path` is in an object store."""
    return hasattr(type(path), "fs")


def is_there(path: Path) -> bool:
    """Whether anything is at `path`, even a link that leads nowhere. Raises `OSError`."""
    return path.exists() if is_object(path) else os.path.lexists(path)


@contextlib.contextmanager
def store_errors() -> Iterator[None]:
    yield
