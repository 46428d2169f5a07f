"""Begins a folder anew: removes what the record of its runs lists, and nothing else."""

from __future__ import annotations

import contextlib

from digitseq.formats.parts import MASKS
from digitseq.runs.card import remove_card
from digitseq.runs.folder import RECORD, RunFolder, remove_directory
from digitseq.runs.manifest import Record
from digitseq.runs.owned_run import OwnedRun

REMOVING = "removing"  # in the record of a folder whose files are being removed


def is_half_removed(runs: list[Record]) -> bool:
    """Whether a run that began the folder anew was killed before everything was removed."""
    return any(run.get(REMOVING) for run in runs)


def remove_runs(folder: RunFolder, runs: list[Record], name: str) -> None:
    """Remove the images, label files, shards and databases of all `runs`, and their record. `runs` is empty then.

    What somebody else put into the folder stays, and so does what was in a label file before. Links are not followed.
    After a kill in here, the next run does what is left. name: what the names of shards begin with
    Raises `OSError`, and `OutputError` when the journal does not list what the record says.
    """
    folder.check_owned()
    owned = [OwnedRun(folder, run) for run in runs]
    ends = [*(run["journal"] for run in runs[1:]), None]
    listed = [run.receipts(end) for run, end in zip(owned, ends)]  # all of them, before anything is removed
    # from here on a part of the images may be missing: the record must not say that they are finished
    for record in runs:
        record[REMOVING] = True
    folder.write_runs(runs)
    for run, receipts in zip(reversed(owned), reversed(listed)):
        run.remove_all(receipts, name)
    remove_card(folder.path)
    remove_directory(folder.kept)
    parts = {path for run in owned for path in run.directories}
    for directory in [*(path / MASKS for path in parts), *(parts - {folder.path})]:
        with contextlib.suppress(OSError):  # something is in it
            directory.rmdir()
    # the record goes before the journal: alone, the journal is about nothing, but a record without it cannot be removed
    (folder.path / RECORD).unlink(missing_ok=True)
    folder.journal.cut(0)
    runs.clear()
