"""Compares the files of a folder with the record of its runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from digitseq.errors import OutputError
from digitseq.files.checksum import checksum
from digitseq.files.locations import StoreError, exists
from digitseq.formats.parts import FileGroup, Receipt
from digitseq.runs.folder import read_runs
from digitseq.runs.manifest import sections_of, size_of
from digitseq.runs.ownership import journal_of
from digitseq.runs.results import Results

CHANGED = "files changed since the run"
NAMED = 10  # missing files of a part


def broken_files(path: Path) -> Iterator[tuple[str, str]]:
    """What is wrong with the files that digitseq's runs into the folder `path` have made: a kind, and an example.

    Sizes and checksums are those of record and journal. Nothing is found where there is no record.
    """
    try:
        runs = read_runs(path)
        for record in runs:
            made, wanted = sum(section.images for section in sections_of(record)), size_of(record)
            if made < wanted:
                yield "runs that were interrupted", f"{made:,} of {wanted:,} images, seed {record['seed']}"
        results = Results(path, runs)
        for result in results.paths:
            if fault := results.fault(result):
                yield CHANGED, f"{path.name}/{result.relative_to(path)} ({fault})"
        for record, end in zip(runs, [*(run["journal"] for run in runs[1:]), None]):
            folders = [path / section.folder for section in sections_of(record)]
            for entry in journal_of(path).read(record["journal"], end):
                if entry.done is not None and entry.receipt.part.section < len(folders):
                    yield from _broken_groups(entry.receipt, folders[entry.receipt.part.section])
    except OutputError as error:
        yield "damaged records", str(error)


def without_labels(folder: Path) -> bool:
    """Whether all runs into `folder`, which may be a part of a split, were made with the labels "none"."""
    try:
        runs = read_runs(folder) or read_runs(folder.parent)
    except OutputError:
        return False
    return bool(runs) and all(list(run.get("labels", ())) == ["none"] for run in runs)


def difference(group: FileGroup, paths: list[Path]) -> str | None:
    """How the files `paths` differ from those that `group` records; None where they do not."""
    try:
        size, crc32 = checksum(paths)
    except StoreError:
        raise
    except OSError as error:
        return f"{Path(str(error.filename)).name}: {error.strerror}"
    if size != group.size:
        return f"{size:,} bytes instead of {group.size:,}"
    return None if crc32 == group.crc32 else "another checksum"


def _broken_groups(receipt: Receipt, folder: Path) -> Iterator[tuple[str, str]]:
    for group in receipt.files:
        names = group.names()
        if group.place != "folder":
            continue
        missing = [name for name in names if not exists(folder / name)]
        more = f", and {len(missing) - NAMED:,} more" if len(missing) > NAMED else ""
        absent = f"missing: {', '.join(missing[:NAMED])}{more}" if missing else None
        if reason := absent or difference(group, [folder / name for name in names]):
            shown = names[0] if group.files == 1 else f"{names[0]} to {names[-1]}"
            yield CHANGED, f"{folder.name}/{shown} ({reason})"
