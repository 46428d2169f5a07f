"""Opens the folder of a run, and reads what others want to know of it: whether a run owns it, and its journal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from digitseq.errors import OutputError
from digitseq.files.locations import is_object
from digitseq.files.retries import never
from digitseq.runs.folder import JOURNAL, PRIVATE, RunFolder
from digitseq.runs.journal import FileJournal, Journal
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

                yield ObjectFolder(path, cleanup, stopping, wait)
            else:
                yield LocalFolder(path, cleanup)
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


def journal_of(path: Path) -> Journal:
    """The journal of the folder `path`, for reading only. Raises `OSError`."""
    if is_object(path):
        from digitseq.runs.object_folder import journal_in

        return journal_in(path)
    return FileJournal(path / PRIVATE / JOURNAL)
