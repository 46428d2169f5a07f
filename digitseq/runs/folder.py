"""The folder of a run: its lock, the record of its runs, and the directory for what is not finished."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import stat
import threading
from pathlib import Path
from typing import Any

from digitseq.errors import OutputError, RunError
from digitseq.files.atomic import replacing

RECORD = "run.json"
PRIVATE = ".digitseq"  # below the folder: lock, journal, and what is not finished
_STAGE, _KEPT = "stage", "kept"
_MADE_HERE = re.compile(rf"({_STAGE}|{_KEPT})-[0-9a-f]{{16}}")
_UNNAMED = re.compile(r"\..+\.[0-9a-f]{16}")  # files of `atomic.replacing` that have not got their names
_TRIES = 1000  # to empty a directory in which a process that is about to end still makes files

# Locks of files belong to a process: they do not keep its own threads apart.
_held: set[Path] = set()
_holding = threading.Lock()


class RunFolder:
    """`<output_path>/<name>`, locked for one run. Use as a context manager.

    Raises `OutputError` when it cannot be made, written, or is in use by another run; directories that were made
    for it are then removed again, as long as `begun` is not set.
    """

    def __init__(self, output_path: str, name: str) -> None:
        self.path = Path(output_path) / name
        self.private = self.path / PRIVATE
        self.begun = False
        self._lock: Any = None
        self._made: list[Path] = []

    def __enter__(self) -> RunFolder:
        try:
            self._make()
            self._acquire()
        except OSError as error:
            self._end()
            raise output_error(self.path, error) from None
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        if not self.begun:
            self._withdraw()
        self._release()

    def _make(self) -> None:
        for path in reversed([p for p in (self.private, *self.private.parents) if not os.path.lexists(p)]):
            with contextlib.suppress(FileExistsError):  # another run has just made it
                path.mkdir()
                self._made.append(path)
        for path in (self.private, self.private / "lock", self.private / "journal.jsonl"):
            if os.path.lexists(path):
                kind = stat.S_ISDIR if path == self.private else stat.S_ISREG
                # a link would let this program write to wherever it leads
                if not kind(path.lstat().st_mode):
                    raise OutputError(f"{path} is not what digitseq made there: remove it, or name another with -o")

    def _acquire(self) -> None:
        from fasteners import InterProcessLock

        own, lock = self.path.resolve(), InterProcessLock(self.private / "lock")
        with _holding:
            taken = own in _held or not lock.acquire(blocking=False)
            if not taken:
                self._lock = (lock, own)
                _held.add(own)
        # a run that never began removes its lock, perhaps just when this one has opened it
        if taken or not os.path.samestat(os.fstat(lock.lockfile.fileno()), os.stat(self.private / "lock")):
            raise OutputError(
                f"{self.path} is being written by another run: wait until it has finished, or name another "
                "directory with -o"
            )

    def is_owned(self) -> bool:
        """Whether the folder is still the one that was locked: somebody may have moved or removed it since.

        Another run may own what stands at its path now.
        """
        lock, _ = self._lock
        try:
            return os.path.samestat(os.fstat(lock.lockfile.fileno()), os.lstat(self.private / "lock"))
        except OSError:
            return False

    def check_owned(self) -> None:
        """`RunError` unless `is_owned`."""
        if not self.is_owned():
            raise RunError(f"{self.path} was moved or removed while it was written")

    def _release(self) -> None:
        if self._lock is not None:
            lock, own = self._lock
            lock.release()
            _held.discard(own)
            self._lock = None

    def _withdraw(self) -> None:
        """Leave nothing behind of a run that never began."""
        if self.private in self._made and self._lock is not None:
            for name in ("lock", "journal.jsonl"):
                (self.private / name).unlink(missing_ok=True)
        for path in reversed(self._made):
            with contextlib.suppress(OSError):
                path.rmdir()

    def new_stage(self) -> Path:
        """A new directory for parts under way, under a name that nobody can guess. Raises `OSError`."""
        return _new_directory(self.private, _STAGE)

    def kept(self) -> Path:
        """The directory for what results are put together from; made when there is none. Raises `OSError`."""
        found = list(self._own_directories(_KEPT))
        return found[0] if len(found) == 1 else _new_directory(self.private, _KEPT)

    def remove_stages(self) -> None:
        """Remove the parts under way of all runs before.

        A process of a killed run may still be there, or wake up later. It cannot make a file any more once its
        directory is gone, and it never had another.
        """
        for path in self._own_directories(_STAGE):
            remove_directory(path)
        for path in self.private.rglob(".*"):
            if _UNNAMED.fullmatch(path.name) and stat.S_ISREG(path.lstat().st_mode):
                path.unlink()

    def remove_kept(self) -> None:
        """Remove what the last run has kept."""
        for path in self._own_directories(_KEPT):
            remove_directory(path)

    def _own_directories(self, kind: str) -> list[Path]:
        try:
            found = [p for p in self.private.iterdir() if _MADE_HERE.fullmatch(p.name) and p.name.startswith(kind)]
            return [p for p in found if stat.S_ISDIR(p.lstat().st_mode)]
        except OSError:  # the folder is gone
            return []

    def read_runs(self) -> list[dict[str, Any]]:
        """What `run.json` says of earlier runs, oldest first. Raises `OutputError`."""
        return read_runs(self.path)

    def write_runs(self, runs: list[dict[str, Any]]) -> None:
        """Replace `run.json` at once. Raises `OSError`, and `RunError` as `check_owned` does."""
        self.check_owned()
        with replacing(self.path / RECORD, self.private) as file:
            file.write(json.dumps({"runs": runs}, indent=1).encode() + b"\n")


def read_runs(folder: Path) -> list[dict[str, Any]]:
    """What `run.json` in `folder` says of earlier runs, oldest first. Raises `OutputError`."""
    path = folder / RECORD
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError
        return [dict(run) for run in json.loads(path.read_bytes())["runs"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise OutputError(
            f"{path} is not a record that digitseq wrote: move it away, or name another directory with -o"
        ) from None


def remove_directory(path: Path) -> None:
    """Remove a directory and all that is in it, without following links."""
    for _ in range(_TRIES):
        shutil.rmtree(path, ignore_errors=True)
        if not os.path.lexists(path):
            return


def output_error(path: Path, error: OSError) -> OutputError:
    """The error that a run begins with when `path` cannot be written."""
    return OutputError(f"cannot write to {path} ({error.strerror or error}): name another directory with -o")


def _new_directory(parent: Path, kind: str) -> Path:
    path = parent / f"{kind}-{secrets.token_hex(8)}"
    path.mkdir()
    return path
