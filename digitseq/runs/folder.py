"""The folder of a run: what its owner does with it, on a disk and in an object store.

`digitseq.runs.ownership` opens folders.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from digitseq.errors import RunError
from digitseq.files.locations import StoreError
from digitseq.files.regular import open_regular
from digitseq.runs.journal import Journal
from digitseq.runs.manifest import not_a_record, sections_of

RECORD = "run.json"
CARD, SHEET = "README.md", "samples.svg"  # the data-set card, and the picture in it
# in the card and its picture: a file without it is not digitseq's
MARK = "<!-- made by digitseq, which replaces this file after each run into the folder unless this line is removed -->"
PRIVATE = ".digitseq"  # below the folder: lock, journal, and unfinished files
LOCK, JOURNAL, KEPT = "lock", "journal.jsonl", "kept"
STAGE = "stage-"


class RunFolder:
    """A folder that this process owns for one run. Methods raise `OSError`.

    path: the folder; private: the directory below it for the lock, the journal and unfinished files
    kept: the directory in `private` for files that results are assembled from
    at_once: how many parts are published together, at most
    appends: whether files can be appended to. Otherwise what parts add to a file is kept, and `merge` writes the file
    """

    journal: Journal
    at_once = 1
    appends = True

    def __init__(self, path: Path) -> None:
        self.path, self.private = path, path / PRIVATE
        self.kept = self.private / KEPT

    def is_owned(self) -> bool:
        """Whether no other run can have taken over the folder."""
        raise NotImplementedError

    def check_owned(self) -> None:
        """`RunError` unless `is_owned`."""
        if not self.is_owned():
            raise RunError(f"{self.path} was moved or removed while it was written")

    def stage(self) -> contextlib.AbstractContextManager[Path]:
        """A new directory for what is under way, removed at the end. Nobody can guess its name."""
        raise NotImplementedError

    def scratch(self) -> contextlib.AbstractContextManager[Path]:
        """A new directory on this machine, from which `move_here` takes files; removed at the end."""
        raise NotImplementedError

    def remove_stages(self) -> None:
        """Remove the unfinished parts of all earlier runs."""
        raise NotImplementedError

    def write(self, path: Path, data: bytes) -> None:
        """Replace the file `path` atomically. Raises `RunError` as `check_owned` does."""
        raise NotImplementedError

    def move(self, files: Iterable[tuple[Path, Path, list[str]]]) -> None:
        """Give files below a stage their final names. files: a directory, the new one, and names of files in both.

        Directories that are missing are made: the new one, or one below it in which all of these files are.
        """
        raise NotImplementedError

    def move_here(self, made: Path, path: Path) -> None:
        """Give the file `made`, below a `scratch`, its final name, and replace what has it."""
        raise NotImplementedError

    def append(self, added: Path, path: Path) -> None:
        """Append the contents of `added` to the file `path`."""
        raise NotImplementedError

    def merge(self, path: Path, size: int, pieces: list[Path]) -> None:
        """Write the file `path`, atomically: its own first `size` bytes, and then `pieces`, which are kept."""
        raise NotImplementedError

    def cut(self, path: Path, size: int) -> None:
        """Cut a file to `size` bytes if it is longer; an empty one is removed. A link is left alone."""
        raise NotImplementedError

    def remove(self, paths: Iterable[Path]) -> None:
        """Remove files, of which some may be missing."""
        raise NotImplementedError

    def remove_directory(self, path: Path) -> None:
        """Remove a directory and everything in it, without following links. It may be missing."""
        raise NotImplementedError

    def remove_empty(self, path: Path) -> None:
        """Remove a directory if nothing is in it."""
        raise NotImplementedError

    def sizes(self, folders: Iterable[Path]) -> Callable[[Path], int | None]:
        """`regular_size` for many files in `folders`, as they are now."""
        raise NotImplementedError

    def write_runs(self, runs: list[dict[str, Any]]) -> None:
        """Replace `run.json` atomically. Raises `RunError` as `check_owned` does."""
        self.write(self.path / RECORD, json.dumps({"runs": runs}, indent=1).encode() + b"\n")


def read_runs(folder: Path) -> list[dict[str, Any]]:
    """The runs that `run.json` in `folder` has, oldest first; none where there is no file. Raises `OutputError`."""
    path = folder / RECORD
    try:
        with open_regular(path) as file:
            runs = [dict(run) for run in json.load(file)["runs"]]
        for run in runs:
            sections_of(run)
        return runs
    except FileNotFoundError:
        return []
    except StoreError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise not_a_record(path) from None
