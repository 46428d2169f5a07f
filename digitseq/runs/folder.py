"""The folder of a run: its lock, the record of its runs, and the directory for unfinished files."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from digitseq.errors import OutputError, RunError
from digitseq.files.atomic import replacing
from digitseq.runs.journal import Journal

RECORD = "run.json"
PRIVATE = ".digitseq"  # below the folder: lock, journal, and unfinished files
LOCK, JOURNAL = "lock", "journal.jsonl"
_STAGE, _KEPT = "stage", "kept"
_MADE_HERE = re.compile(rf"({_STAGE}|{_KEPT})-[0-9a-f]{{16}}")
_UNNAMED = re.compile(r"\..+\.[0-9a-f]{16}")  # temporary files of `atomic.replacing`, left behind by a killed run
_TRIES = 1000  # to empty a directory in which a process that is about to end is still creating files

# Locks of files belong to a process: they do not keep its own threads apart.
_held: set[Path] = set()
_holding = threading.Lock()


class RunFolder:
    """A folder that `locked_folder` has locked for one run.

    path: the folder; private: the directory below it for the lock, the journal and unfinished files
    begun: set by the run once it has written something that must stay
    """

    journal: Journal

    def __init__(self, path: Path) -> None:
        self.path, self.private = path, path / PRIVATE
        self.begun = False
        self._lock: Any = None
        self._made: list[Path] = []

    def make(self) -> None:
        """Make the missing directories. Raises `OSError`, and `OutputError` for anything that digitseq did not make."""
        for path in reversed([p for p in (self.private, *self.private.parents) if not os.path.lexists(p)]):
            with contextlib.suppress(FileExistsError):  # another run has just made it
                path.mkdir()
                self._made.append(path)
        kinds = {self.private: stat.S_ISDIR, self.private / LOCK: stat.S_ISREG, self.private / JOURNAL: stat.S_ISREG}
        for path, is_right in kinds.items():
            # a link would let this program write to wherever it leads, and a pipe would be waited for
            if os.path.lexists(path) and not is_right(path.lstat().st_mode):
                raise OutputError(f"{path} is not what digitseq made there: remove it, or name another with -o")

    def acquire(self) -> None:
        """Lock the folder. Raises `OSError`, and `OutputError` when another run has locked it."""
        from fasteners import InterProcessLock

        # It locks with POSIX record locks, which forked processes do not inherit. So the lock is free as soon as its
        # owner is dead, even if workers of a killed run are still there. With flock they would hold it.
        own, lock = self.path.resolve(), InterProcessLock(self.private / LOCK)
        with _holding:
            # `_held` comes first: closing any descriptor of a file drops all record locks that a process has on it
            taken = own in _held or not lock.acquire(blocking=False)
            if not taken:
                self._lock = (lock, own)
                _held.add(own)
        # A run that never began removes its lock file. If that happened after this run had opened it, the lock is on a
        # file without a name, and another run may already have made and locked a new one.
        if taken or not self.is_owned():
            raise OutputError(
                f"{self.path} is being written by another run: wait until it has finished, or name another "
                "directory with -o"
            )

    def is_owned(self) -> bool:
        """Whether the lock at this path is still the one that was acquired.

        The folder may have been moved or removed since, and what is at its path now may belong to another run. The
        lock itself does not tell: it is on the open file, wherever that has gone.
        """
        lock, _ = self._lock
        try:
            return os.path.samestat(os.fstat(lock.lockfile.fileno()), os.lstat(self.private / LOCK))
        except OSError:
            return False

    def check_owned(self) -> None:
        """`RunError` unless `is_owned`."""
        if not self.is_owned():
            raise RunError(f"{self.path} was moved or removed while it was written")

    def release(self) -> None:
        """Unlock the folder, if it was locked."""
        if self._lock is not None:
            lock, own = self._lock
            lock.release()
            _held.discard(own)

    def withdraw(self) -> None:
        """Remove what was made for a run that never began. The lock must still be held."""
        if self.begun:
            return
        if self.private in self._made and self._lock is not None and self.is_owned():
            for name in (LOCK, JOURNAL):
                (self.private / name).unlink(missing_ok=True)
        for path in reversed(self._made):
            with contextlib.suppress(OSError):  # somebody else uses it by now
                path.rmdir()

    @contextlib.contextmanager
    def stage(self) -> Iterator[Path]:
        """A new directory for parts under way, removed at the end. Nobody can guess its name. Raises `OSError`."""
        path = _new_directory(self.private, _STAGE)
        try:
            yield path
        finally:
            remove_directory(path)

    def kept(self) -> Path:
        """The directory of files that results are assembled from; made when there is none. Raises `OSError`."""
        found = self._own_directories(_KEPT)
        return found[0] if len(found) == 1 else _new_directory(self.private, _KEPT)

    def remove_stages(self) -> None:
        """Remove the unfinished parts of all earlier runs. Raises `OSError`.

        This comes before anything else a run does. A worker of a killed run may still be alive, or wake up later, but
        it writes only below its stage, or through a link in it. Once the stage is gone it can create nothing.
        """
        for path in self._own_directories(_STAGE):
            remove_directory(path)
        for path in self.private.rglob(".*"):
            if _UNNAMED.fullmatch(path.name) and stat.S_ISREG(path.lstat().st_mode):
                path.unlink()

    def remove_kept(self) -> None:
        """Remove the files that the last run wanted to assemble its results from."""
        for path in self._own_directories(_KEPT):
            remove_directory(path)

    def _own_directories(self, kind: str) -> list[Path]:
        try:
            found = [p for p in self.private.iterdir() if _MADE_HERE.fullmatch(p.name) and p.name.startswith(kind)]
            return [p for p in found if stat.S_ISDIR(p.lstat().st_mode)]  # a link leads anywhere
        except OSError:  # the folder is gone
            return []

    def write_runs(self, runs: list[dict[str, Any]]) -> None:
        """Replace `run.json` atomically. Raises `OSError`, and `RunError` as `check_owned` does."""
        self.check_owned()
        with replacing(self.path / RECORD, self.private) as file:
            file.write(json.dumps({"runs": runs}, indent=1).encode() + b"\n")


@contextlib.contextmanager
def locked_folder(path: Path) -> Iterator[RunFolder]:
    """The folder `path`, made where it is missing, and locked until the block ends.

    Raises `OutputError` when it is in use by another run, or for any `OSError` in the block. If the block ends before
    it has set `begun`, everything that was made here is removed again.
    """
    folder = RunFolder(path)
    with contextlib.ExitStack() as cleanup:  # unwinds upwards: close the journal, withdraw, unlock
        cleanup.callback(folder.release)
        cleanup.callback(folder.withdraw)
        try:
            folder.make()
            folder.acquire()
            folder.journal = cleanup.enter_context(Journal(folder.private / JOURNAL))
            yield folder
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"cannot write to {path} ({reason}): name another directory with -o") from None


def read_runs(folder: Path) -> list[dict[str, Any]]:
    """The runs that `run.json` in `folder` has, oldest first; none where there is no file. Raises `OutputError`."""
    path = folder / RECORD
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise ValueError
        return [dict(run) for run in json.loads(path.read_bytes())["runs"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise OutputError(
            f"{path} is not a record that digitseq wrote: move it away, or name another directory with -o"
        ) from None


def remove_directory(path: Path) -> None:
    """Remove a directory and everything in it, without following links."""
    for _ in range(_TRIES):
        shutil.rmtree(path, ignore_errors=True)
        if not os.path.lexists(path):
            return


def _new_directory(parent: Path, kind: str) -> Path:
    path = parent / f"{kind}-{secrets.token_hex(8)}"
    path.mkdir()
    return path
