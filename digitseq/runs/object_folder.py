"""The folder of a run in an object store, such as s3://bucket/prefix/random.

Stores have no locks, no renaming, and no appending:

- A lease tells who owns the folder. See `digitseq.runs.lease`.
- Whatever gets a final name is uploaded to a stage first, and copied within the store once the lease is seen to be
  held. A run that takes over ends the lease of the late owner, and then removes its stages. So a late owner finds that
  its lease is gone, or that what it wanted to copy is.
- What parts add to label files is kept as objects of its own, and merged at the end of the run.
"""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from digitseq.errors import OutputError, RunError
from digitseq.files.locations import store_errors
from digitseq.files.object_store import ObjectStore
from digitseq.files.regular import regular_size
from digitseq.runs.folder import PRIVATE, STAGE, RunFolder
from digitseq.runs.lease import EXPIRES, Lease, is_leased_in
from digitseq.runs.object_journal import ObjectJournal, contents_of

JOURNAL, OWNERS = "journal", "owners"  # folders in the private one
PUBLISHED_AT_ONCE = 256  # parts: a store copies many objects in the time of one
PIECE = 1 << 20  # bytes


class ObjectFolder(RunFolder):
    """A folder whose lease this run has. See `RunFolder`."""

    at_once = PUBLISHED_AT_ONCE
    appends = False

    def __init__(self, path: Path, cleanup: contextlib.ExitStack, stopping: Callable[[], bool], wait: bool) -> None:
        """The folder `path`, leased. cleanup: ends the lease. wait: as in `Lease.acquire`.

        Raises `OSError`, and `OutputError` when another run has the lease.
        """
        super().__init__(path)
        cleanup.enter_context(store_errors(path))
        self._store = ObjectStore(path, stopping)
        self._store.check(path)
        self._lease = Lease(self._store, self.private / OWNERS)
        if owner := self._lease.acquire(wait):
            raise OutputError(
                f"{path} is being written by another run ({owner}): wait until it has finished, or "
                f"{EXPIRES:.0f} seconds if it is dead, or name another directory with `output_path`"
            )
        cleanup.callback(self._lease.release)
        # for what is copied to its final name at once, such as run.json
        self._own_stage = cleanup.enter_context(self.stage())
        self.journal = ObjectJournal(self._store, self.private / JOURNAL, self.write)

    def is_owned(self) -> bool:
        try:
            return self._lease.is_held()
        except OSError:
            return False

    def check_owned(self) -> None:
        if not self._lease.is_held():
            raise RunError(f"{self.path}: this run could not renew its lease in time, and another may have taken over")

    @contextlib.contextmanager
    def stage(self) -> Iterator[Path]:
        path = self.private / f"{STAGE}{secrets.token_hex(8)}"
        try:
            yield path
        finally:
            with contextlib.suppress(OSError):  # the next run removes it
                self._store.remove_below(path)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="digitseq-") as path:
            yield Path(path)

    def remove_stages(self) -> None:
        """A late owner finds nothing to copy any more."""
        names = self._store.sizes(self.private)
        stale = [name for name in names if name.startswith(STAGE) and not name.startswith(self._own_stage.name)]
        self._store.remove(self.private / name for name in stale)

    def write(self, path: Path, data: bytes) -> None:
        self._store.put(self._own_stage / path.name, data)
        self._copy_own(path)

    def move(self, files: Iterable[tuple[Path, Path, list[str]]]) -> None:
        files = list(files)
        self.check_owned()
        self._store.copy(files)

    def move_here(self, made: Path, path: Path) -> None:
        self._store.upload([(made, self._own_stage / path.name)])
        self._copy_own(path)

    def merge(self, path: Path, size: int, pieces: list[Path]) -> None:
        with self.scratch() as scratch:
            made = scratch / path.name
            with open(made, "wb") as file:
                if size:
                    with path.open("rb") as old:
                        _copy_bytes(old, file, size)
                file.writelines(contents_of(self._store, pieces))
            self.move_here(made, path)

    def cut(self, path: Path, size: int) -> None:
        if not size:
            self.remove([path])
        elif (regular_size(path) or 0) > size:
            self.merge(path, size, [])

    def remove(self, paths: Iterable[Path]) -> None:
        self.check_owned()  # a late owner must not remove what the next one has written under the same names
        self._store.remove(paths)

    def remove_directory(self, path: Path) -> None:
        if path.parent.parent != self.private or not path.parent.name.startswith(STAGE):  # others know no such name
            self.check_owned()
        self._store.remove_below(path)

    def remove_empty(self, path: Path) -> None:
        """Stores have no directories."""

    def sizes(self, folders: Iterable[Path]) -> Callable[[Path], int | None]:
        # one listing, as asking for each of a million objects would take hours
        found = {f"{self.path}/{name}": size for name, size in self._store.sizes(self.path).items()}
        return lambda path: found.get(str(path))

    def _copy_own(self, path: Path) -> None:
        """Give what is in the stage its name, unless another run has taken over."""
        self.check_owned()
        self._store.copy([(self._own_stage, path.parent, [path.name])])


def is_leased(path: Path) -> bool:
    """Whether a run has a lease of the folder `path`. Raises `OSError`."""
    return is_leased_in(ObjectStore(path), path / PRIVATE / OWNERS)


def journal_in(path: Path) -> ObjectJournal:
    """The journal of the folder `path`, for reading. Raises `OSError`."""
    store = ObjectStore(path)
    return ObjectJournal(store, path / PRIVATE / JOURNAL, store.put)


def _copy_bytes(old: IO[bytes], new: IO[bytes], size: int) -> None:
    """Copy the first `size` bytes. Raises `OSError`."""
    while size and (data := old.read(min(size, PIECE))):
        new.write(data)
        size -= len(data)
