"""Opens the folder of a run, and reads what others want to know of it: whether a run owns it, and its journal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from digitseq.errors import OutputError
from digitseq.files.locations import is_object, is_there
from digitseq.files.retries import never
from digitseq.runs.folder import JOURNAL, PRIVATE, RunFolder
from digitseq.runs.journal import Entry, entries_in, file_lines_from
from digitseq.runs.local_folder import LocalFolder, is_locked


@contextlib.contextmanager
def locked_folder(path: Path, stopping: Callable[[], bool] = never, wait: bool = False) -> Iterator[RunFolder]:
    """The folder `path`, made where it is missing, and owned by this run until the block ends.

    Raises `OutputError` when it is in use by another run, or for any `OSError` in the block. If the block ends before
    a run was recorded, everything that was made here is removed again.

    stopping: as in `ObjectStore`; wait: whether to wait for the lease of a run in an object store that may be dead
    """
    try:
        with contextlib.ExitStack() as cleanup:
            if is_object(path):
                from digitseq.runs.object_folder import ObjectFolder  # disks need no client of a store

                yield ObjectFolder.opened(path, cleanup, stopping, wait)
            else:
                yield LocalFolder.opened(path, cleanup)
    except OSError as error:
        reason = error.strerror or error
        remedy = "name another directory with `output_path`"
        if is_object(path):
            remedy = "check the URL, the credentials, and AWS_ENDPOINT_URL for another store than Amazon's"
        raise OutputError(f"cannot write to {path} ({reason}): {remedy}") from None


def is_being_written(path: Path) -> bool:
    """Whether a run, of this process or another, owns the folder `path`. Raises `OSError`."""
    if is_object(path):
        from digitseq.runs.object_folder import is_leased

        return is_leased(path)
    return is_locked(path)


def journal_lines(path: Path, offset: int) -> Iterator[bytes]:
    """The lines after byte `offset` of the journal of the folder `path`; none where there is no journal.

    Raises `OSError`.
    """
    if is_object(path):
        from digitseq.runs.object_folder import journal_lines_in

        yield from journal_lines_in(path, offset)
    elif is_there(path / PRIVATE / JOURNAL):
        yield from file_lines_from(path / PRIVATE / JOURNAL, offset)


def journal_changed(path: Path) -> float | None:
    """When the journal of the folder `path` was written last, in seconds since 1970; None where there is none.

    Raises `OSError`.
    """
    if is_object(path):
        from digitseq.runs.object_folder import journal_changed_in

        return journal_changed_in(path)
    journal = path / PRIVATE / JOURNAL
    return journal.stat().st_mtime if is_there(journal) else None


def read_journal(path: Path, offset: int) -> list[Entry]:
    """The parts in these lines. Raises `OSError`, and `OutputError` as `entries_in` does."""
    return entries_in(journal_lines(path, offset), offset, path / PRIVATE / JOURNAL)
