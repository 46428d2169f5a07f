"""The folder of a run on a disk of this machine, or on one that several share: it is locked."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from digitseq.errors import OutputError
from digitseq.files.atomic import replacing
from digitseq.files.regular import append_regular, open_regular, regular_size
from digitseq.runs.folder import JOURNAL, KEPT, LOCK, PRIVATE, STAGE, RunFolder
from digitseq.runs.journal import FileJournal

_TRIES = 1000  # to empty a directory in which a process that is about to end is still creating files

_held: dict[Path, LocalFolder] = {}  # locks of files belong to a process: they do not keep its own threads apart


class LocalFolder(RunFolder):
    """A folder that is locked. new: whether `private` was made for this run, which is not recorded yet."""

    def __init__(self, path: Path, cleanup: contextlib.ExitStack) -> None:
        """The folder `path`, made where it is missing, and locked. cleanup: undoes all that was done for it.

        Raises `OSError` and `OutputError`.
        """
        super().__init__(path)
        self.new = False
        # unwinds upwards: close the journal, withdraw, unlock, remove directories that are empty
        self._make(cleanup)
        self._acquire(cleanup)
        cleanup.callback(self._withdraw)
        journal = self.private / JOURNAL
        self.journal = FileJournal(journal, cleanup.enter_context(append_regular(journal)).fileno())

    def _make(self, cleanup: contextlib.ExitStack) -> None:
        """Make the missing directories. Raises `OSError`, and `OutputError` for anything that digitseq did not make."""
        for path in reversed([p for p in (self.private, *self.private.parents) if not os.path.lexists(p)]):
            with contextlib.suppress(FileExistsError):  # another run has just made it
                path.mkdir()
                self.new = path == self.private
                cleanup.callback(self.remove_empty, path)
        kinds = {"": stat.S_ISDIR, KEPT: stat.S_ISDIR, LOCK: stat.S_ISREG, JOURNAL: stat.S_ISREG}
        for name, is_right in kinds.items():
            path = self.private / name
            # a link would let this program write to wherever it leads, and a pipe would be waited for
            if os.path.lexists(path) and not is_right(path.lstat().st_mode):
                raise OutputError(
                    f"{path} is not what digitseq made there: remove it, or name another with `output_path`"
                )

    def _acquire(self, cleanup: contextlib.ExitStack) -> None:
        """Lock the folder. Raises `OSError`, and `OutputError` when another run has locked it."""
        own = self.path.resolve()
        # `_held` comes first: closing any descriptor of a file drops all record locks that a process has on it
        if _held.setdefault(own, self) is self:
            cleanup.callback(_held.pop, own)
            self._lock = cleanup.enter_context(append_regular(self.private / LOCK))
            # A run that never began removes its lock file. If that happened after this run had opened it, the lock is
            # on a file without a name, and another run may already have made and locked a new one.
            if lock(self._lock.fileno()) and self.is_owned():
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
            return os.path.samestat(os.fstat(self._lock.fileno()), os.lstat(self.private / LOCK))
        except OSError:
            return False

    def _withdraw(self) -> None:
        """Remove what was made for a run that never began. The lock must still be held."""
        if self.new and self.is_owned():
            for name in (LOCK, JOURNAL):
                (self.private / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def stage(self) -> Iterator[Path]:
        path = Path(tempfile.mkdtemp(prefix=STAGE, dir=self.private))
        try:
            yield path
        finally:
            remove_directory(path)

    def scratch(self) -> contextlib.AbstractContextManager[Path]:
        return self.stage()

    def remove_stages(self) -> None:
        """See `RunFolder`. This comes before anything else a run does.

        A worker of a killed run may still be alive, or wake up later, but it writes only below its stage, or through a
        link in it. Once the stage is gone it can create nothing.
        """
        for path in self.private.glob(f"{STAGE}*"):
            remove_directory(path)

    def write(self, path: Path, data: bytes) -> None:
        self.check_owned()
        with self.stage() as stage, replacing(path, stage) as file:
            file.write(data)
        self.new = False

    def move(self, files: Iterable[tuple[Path, Path, list[str]]]) -> None:
        for source, target, names in files:
            (target / names[0]).parent.mkdir(parents=True, exist_ok=True)
            # not `Path`: making one takes as long as renaming a file
            before, after = f"{source}{os.sep}", f"{target}{os.sep}"
            for name in names:
                os.replace(before + name, after + name)

    def move_here(self, made: Path, path: Path) -> None:
        os.replace(made, path)

    def append(self, added: Path, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with append_regular(path) as file:
            file.write(added.read_bytes())

    def cut(self, path: Path, size: int) -> None:
        found = regular_size(path)
        if found is not None and not size:
            path.unlink()  # not emptied first: another name of the file may be somebody's copy
        elif (found or 0) > size:
            with append_regular(path) as file:
                file.truncate(size)

    def remove(self, paths: Iterable[Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)

    def remove_directory(self, path: Path) -> None:
        remove_directory(path)

    def remove_empty(self, path: Path) -> None:
        with contextlib.suppress(OSError):  # something is in it
            path.rmdir()

    def sizes(self, folders: Iterable[Path]) -> Callable[[Path], int | None]:
        return regular_size


def is_locked(path: Path) -> bool:
    """Whether a run, of this process or another, has locked the folder `path`. Raises `OSError`.

    Where the system has a way to ask, the lock is not taken for it: a run that begins meanwhile is not kept out.
    """
    if path.resolve() in _held:  # first: see `_acquire`
        return True
    file = path / PRIVATE / LOCK
    if regular_size(file) is None:
        return False
    return _is_held(file) if hasattr(os, "lockf") else _is_taken(file)


def _is_held(path: Path) -> bool:
    """Whether another process has locked the file."""
    try:
        file = open_regular(path)
    except OSError:  # one that this user may not read
        return False
    with file:
        try:
            os.lockf(file.fileno(), os.F_TEST, 0)
        except (BlockingIOError, PermissionError):  # systems differ in how they say so
            return True
    return False


def _is_taken(path: Path) -> bool:
    """The same, for systems that do not say: found out by taking it."""
    try:
        with append_regular(path) as file:
            return not lock(file.fileno())
    except OSError:  # a folder in which nobody may write
        return False


def lock(descriptor: int) -> bool:
    """Lock a file, which is open for writing, until it is closed. Returns False when another process has locked it.

    By a POSIX record lock, which forked processes do not inherit: so it is free as soon as its owner is dead, even if
    workers of a killed run are still there. Raises `OSError` where files cannot be locked.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            os.lockf(descriptor, os.F_TLOCK, 0)
    except (BlockingIOError, PermissionError):  # systems differ in how they say so
        return False
    return True


def remove_directory(path: Path) -> None:
    """Remove a directory and everything in it, without following links."""
    for _ in range(_TRIES):
        shutil.rmtree(path, ignore_errors=True)
        if not os.path.lexists(path):
            return
