"""The folder of a run: its lock, the record of its runs, and the directory for unfinished files."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from digitseq.errors import OutputError, RunError
from digitseq.files.atomic import replacing
from digitseq.files.regular import append_regular, open_regular, regular_size
from digitseq.runs.journal import Journal
from digitseq.runs.manifest import not_a_record, sections_of

RECORD = "run.json"
PRIVATE = ".digitseq"  # below the folder: lock, journal, and unfinished files
LOCK, JOURNAL, KEPT = "lock", "journal.jsonl", "kept"
_STAGE = "stage-"
_TRIES = 1000  # to empty a directory in which a process that is about to end is still creating files

_held: dict[Path, RunFolder] = {}  # locks of files belong to a process: they do not keep its own threads apart


class RunFolder:
    """A folder that `locked_folder` has locked for one run.

    path: the folder; private: the directory below it for the lock, the journal and unfinished files
    kept: the directory in `private` for files that results are assembled from
    new: whether `private` was made for this run, which has not been recorded yet
    """

    journal: Journal

    def __init__(self, path: Path) -> None:
        from fasteners import InterProcessLock

        self.path, self.private = path, path / PRIVATE
        self.kept, self.new = self.private / KEPT, False
        # It locks with POSIX record locks, which forked processes do not inherit. So the lock is free as soon as its
        # owner is dead, even if workers of a killed run are still there. With flock they would hold it.
        self._lock = InterProcessLock(self.private / LOCK)

    def make(self, cleanup: contextlib.ExitStack) -> None:
        """Make the missing directories. Raises `OSError`, and `OutputError` for anything that digitseq did not make."""
        for path in reversed([p for p in (self.private, *self.private.parents) if not os.path.lexists(p)]):
            with contextlib.suppress(FileExistsError):  # another run has just made it
                path.mkdir()
                self.new = path == self.private
                cleanup.callback(_remove_empty, path)
        kinds = {"": stat.S_ISDIR, KEPT: stat.S_ISDIR, LOCK: stat.S_ISREG, JOURNAL: stat.S_ISREG}
        for name, is_right in kinds.items():
            path = self.private / name
            # a link would let this program write to wherever it leads, and a pipe would be waited for
            if os.path.lexists(path) and not is_right(path.lstat().st_mode):
                raise OutputError(
                    f"{path} is not what digitseq made there: remove it, or name another with `output_path`"
                )

    def acquire(self, cleanup: contextlib.ExitStack) -> None:
        """Lock the folder. Raises `OSError`, and `OutputError` when another run has locked it."""
        own = self.path.resolve()
        # `_held` comes first: closing any descriptor of a file drops all record locks that a process has on it
        if _held.setdefault(own, self) is self:
            cleanup.callback(_held.pop, own)
            if self._lock.acquire(blocking=False):
                cleanup.callback(self._lock.release)
                # A run that never began removes its lock file. If that happened after this run had opened it, the lock
                # is on a file without a name, and another run may already have made and locked a new one.
                if self.is_owned():
                    return
        raise OutputError(
            f"{self.path} is being written by another run: wait until it has finished, or name another directory "
            "with `output_path`"
        )

    def is_owned(self) -> bool:
        """Whether the lock at this path is still the one that was acquired.

        The folder may have been moved or removed since, and what is at its path now may belong to another run. The
        lock itself does not tell: it is on the open file, wherever that has gone.
        """
        try:
            return os.path.samestat(os.fstat(self._lock.lockfile.fileno()), os.lstat(self.private / LOCK))
        except OSError:
            return False

    def check_owned(self) -> None:
        """`RunError` unless `is_owned`."""
        if not self.is_owned():
            raise RunError(f"{self.path} was moved or removed while it was written")

    def withdraw(self) -> None:
        """Remove what was made for a run that never began. The lock must still be held."""
        if self.new and self.is_owned():
            for name in (LOCK, JOURNAL):
                (self.private / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def stage(self) -> Iterator[Path]:
        """A new directory for what is under way, removed at the end. Nobody can guess its name. Raises `OSError`."""
        path = Path(tempfile.mkdtemp(prefix=_STAGE, dir=self.private))
        try:
            yield path
        finally:
            remove_directory(path)

    def remove_stages(self) -> None:
        """Remove the unfinished parts of all earlier runs.

        This comes before anything else a run does. A worker of a killed run may still be alive, or wake up later, but
        it writes only below its stage, or through a link in it. Once the stage is gone it can create nothing.
        """
        for path in self.private.glob(f"{_STAGE}*"):
            remove_directory(path)

    def write_runs(self, runs: list[dict[str, Any]]) -> None:
        """Replace `run.json` atomically. Raises `OSError`, and `RunError` as `check_owned` does."""
        self.check_owned()
        with self.stage() as stage, replacing(self.path / RECORD, stage) as file:
            file.write(json.dumps({"runs": runs}, indent=1).encode() + b"\n")
        self.new = False


@contextlib.contextmanager
def locked_folder(path: Path) -> Iterator[RunFolder]:
    """The folder `path`, made where it is missing, and locked until the block ends.

    Raises `OutputError` when it is in use by another run, or for any `OSError` in the block. If the block ends before
    a run was recorded, everything that was made here is removed again.
    """
    folder = RunFolder(path)
    try:
        # unwinds upwards: close the journal, withdraw, unlock, remove directories that are empty
        with contextlib.ExitStack() as cleanup:
            folder.make(cleanup)
            folder.acquire(cleanup)
            cleanup.callback(folder.withdraw)
            folder.journal = Journal(cleanup.enter_context(append_regular(folder.private / JOURNAL)))
            yield folder
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"cannot write to {path} ({reason}): name another directory with `output_path`") from None


def is_being_written(path: Path) -> bool:
    """Whether a run, of this process or another, has locked the folder `path`. Raises `OSError`.

    Where the system has a way to ask, the lock is not taken for it: a run that begins meanwhile is not kept out.
    """
    if path.resolve() in _held:  # first: see `acquire`
        return True
    if regular_size(path / PRIVATE / LOCK) is None:
        return False
    return _is_locked(path / PRIVATE / LOCK)


def _is_locked(lock: Path) -> bool:
    """Whether another process has locked the file."""
    if hasattr(os, "lockf"):
        try:
            file = open_regular(lock)
        except OSError:  # a file that nobody may read
            return False
        with file:
            try:
                os.lockf(file.fileno(), os.F_TEST, 0)
            except (BlockingIOError, PermissionError):  # systems differ in how they say so
                return True
        return False
    from fasteners import InterProcessLock

    own = InterProcessLock(lock)
    try:
        free = own.acquire(blocking=False)
    except OSError:  # a folder in which nobody may write
        return False
    if free:
        own.release()
    return not free


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
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise not_a_record(path) from None


def remove_directory(path: Path) -> None:
    """Remove a directory and everything in it, without following links."""
    for _ in range(_TRIES):
        shutil.rmtree(path, ignore_errors=True)
        if not os.path.lexists(path):
            return


def _remove_empty(path: Path) -> None:
    with contextlib.suppress(OSError):  # something is in it
        path.rmdir()
