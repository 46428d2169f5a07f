"""Begins a folder anew: removes what the record of its runs lists, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from isal import isal_zlib

from digitseq.errors import OutputError
from digitseq.files.locations import is_object, is_there
from digitseq.files.regular import open_regular, regular_size
from digitseq.formats.parts import MASKS, Addition, FileGroup, Receipt
from digitseq.runs.card import remove_card
from digitseq.runs.folder import RECORD, RunFolder
from digitseq.runs.manifest import REMOVING, Record
from digitseq.runs.results import Results
from digitseq.runs.run_files import RunFiles
from digitseq.runs.verification import difference

REMEDY = "move away what you have changed, or name another directory with `output_path`"


def remove_runs(folder: RunFolder, runs: list[Record]) -> None:
    """Remove the images, label files, shards and databases of all `runs`, and their record. `runs` is empty then.

    What somebody else put into the folder stays, and so does what was in a label file before. Links are not followed.
    After a kill in here, the next run does what is left.
    Raises `OSError`; and `OutputError`, before anything is removed, when the journal does not list what the record
    says, or when a file is not what digitseq wrote.
    """
    folder.check_owned()
    owned = [RunFiles(folder, run) for run in runs]
    ends = [*(run["journal"] for run in runs[1:]), None]
    listed = [run.receipts(end) for run, end in zip(owned, ends)]
    results = Results(folder.path, runs)
    results.check(results.paths)
    _check_parts(owned, listed)
    # from here on a part of the images may be missing: the record must not say that they are finished
    for record in runs:
        record[REMOVING] = True
    folder.write_runs(runs)
    folder.remove(results.paths)
    for run, receipts in zip(reversed(owned), reversed(listed)):
        run.remove_parts(receipts)
    remove_card(folder)
    folder.remove_directory(folder.kept)
    parts = {path for run in owned for path in run.directories}
    for directory in [*(path / MASKS for path in parts), *(parts - {folder.path})]:
        folder.remove_empty(directory)
    # the record goes before the journal: alone, the journal is about nothing, but a record without it cannot be removed
    folder.remove([folder.path / RECORD])
    folder.journal.cut(0)
    runs.clear()


def _check_parts(owned: list[RunFiles], listed: list[list[Receipt]]) -> None:
    """`OutputError` where a file of a part is not what digitseq wrote. It may be missing."""
    lines = dict[Path, list[Addition]]()
    for run, receipts in zip(owned, listed):
        size_of = run.folder.sizes(run.directories)
        for receipt in receipts:
            for group, paths in run.files(receipt):
                if group.place == "folder":
                    _check_group(group, paths, size_of)
            for path, addition in run.additions(receipt):
                if addition.place == "folder":
                    lines.setdefault(path, []).append(addition)
    for path, additions in lines.items():
        if not _has_lines(path, additions):
            raise OutputError(f"{path} is not as digitseq wrote it: {REMEDY}")


def _check_group(group: FileGroup, paths: list[Path], size_of: Callable[[Path], int | None]) -> None:
    sizes = [size_of(path) for path in paths]
    in_store = is_object(paths[0])
    for path, size in zip(paths, sizes):
        if size is None and not in_store and is_there(path):
            raise OutputError(f"{path} is not a regular file: {REMEDY}")
    # the journal has one checksum for all files of a part, so of what is left of them only the size can be compared
    # the contents of objects are not compared, which would transfer all of them
    reason = difference(group, paths) if None not in sizes and not in_store else None
    if reason or sum(filter(None, sizes)) > group.size or (None not in sizes and sum(filter(None, sizes)) < group.size):
        there = [path for path, size in zip(paths, sizes) if size is not None]
        newest = there[-1] if in_store else max(there, key=lambda path: path.stat().st_ctime_ns)
        one = f"one of {paths[0].name} to {paths[-1].name}, probably " if len(paths) > 1 else ""
        raise OutputError(f"{newest.parent}: {one}{newest.name} is not as digitseq wrote it: {REMEDY}")


def _has_lines(path: Path, additions: list[Addition]) -> bool:
    """Whether the file `path` ends with the `additions`, or with the first few of them, or does not exist."""
    if (size := regular_size(path)) is None:
        return not is_there(path)
    begun = max(i for i, addition in enumerate(additions) if not i or not addition.before)  # the file was new then
    end = additions[begun].before
    with open_regular(path) as file:
        file.seek(end)
        for addition in additions[begun:]:
            if size == end:
                break
            same = addition.crc32 in (None, isal_zlib.crc32(file.read(addition.size)))
            if addition.before != end or not same:
                return False
            end += addition.size
    return size == end
