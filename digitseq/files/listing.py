"""What is in a folder, on this machine or in an object store, without following links to folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from digitseq.files.locations import is_object, store_errors
from digitseq.files.retries import tried


def names_in(folder: Path) -> Iterator[str]:
    """The names of everything in `folder`, in any order. Raises `OSError`."""
    if is_object(folder):
        yield from (name for name, _ in _objects(folder))
        return
    with os.scandir(folder) as entries:
        yield from (entry.name for entry in entries)


def folders_in(folder: Path) -> list[str]:
    """The names of the folders in `folder`, in order. Raises `OSError`."""
    if is_object(folder):
        return sorted(name for name, kind in _objects(folder) if kind == "directory")
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))


def files_ending(folder: Path, suffix: str) -> list[Path]:
    """The files in `folder` whose names end with `suffix`, in order; links to files count. Raises `OSError`."""
    if is_object(folder):
        return sorted(folder / name for name, kind in _objects(folder) if kind == "file" and name.endswith(suffix))
    return sorted(path for path in folder.glob(f"*{suffix}") if path.is_file())


def _objects(folder: Path) -> list[tuple[str, str]]:
    """The names and kinds of what a store has in `folder`, which may have an object of its own, too."""

    def listed() -> list[dict[str, Any]]:
        with store_errors(folder):
            found: list[dict[str, Any]] = folder.fs.ls(folder.path, detail=True)  # type: ignore[attr-defined]
            return found

    own = folder.path.strip("/")  # type: ignore[attr-defined]
    paths = [(str(one["name"]).strip("/"), str(one["type"])) for one in tried(listed)]
    return [(path.rpartition("/")[2], kind) for path, kind in paths if path != own]
