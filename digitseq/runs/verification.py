"""Compares the files of a folder with the record of its runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from isal import isal_zlib

from digitseq.errors import OutputError
from digitseq.files.regular import open_regular
from digitseq.formats.parts import FileGroup, Receipt
from digitseq.runs.folder import JOURNAL, PRIVATE, read_runs
from digitseq.runs.journal import Entry, read_journal
from digitseq.runs.manifest import sections_of, size_of

PIECE = 1 << 20  # bytes read at once


def broken_files(path: Path) -> Iterator[tuple[str, str]]:
    """What is wrong with the files that digitseq's runs into the folder `path` have made: a kind, and an example.

    Sizes and checksums are those of the journal. Nothing is found where there is no record.
    """
    try:
        runs = read_runs(path)
        for record in runs:
            made, wanted = sum(section.images for section in sections_of(record)), size_of(record)
            if made < wanted:
                yield "runs that were interrupted", f"{made:,} of {wanted:,} images, seed {record.get('seed')}"
        journal = path / PRIVATE / JOURNAL
        if not journal.exists():
            return
        folders = [[path / section.folder for section in sections_of(record)] for record in runs]
        starts = [record.get("journal", 0) for record in runs]
        for run, start in enumerate(starts):
            end = starts[run + 1] if run + 1 < len(starts) else None
            yield from _broken_parts(read_journal(journal, start), folders[run], end)
    except OutputError as error:
        yield "damaged records", str(error)


def _broken_parts(entries: list[Entry], folders: list[Path], end: int | None) -> Iterator[tuple[str, str]]:
    for entry in entries:
        if end is not None and entry.begun > end:
            return
        if entry.done is not None and entry.receipt.part.section < len(folders):
            yield from _broken_groups(entry.receipt, folders[entry.receipt.part.section])


def _broken_groups(receipt: Receipt, folder: Path) -> Iterator[tuple[str, str]]:
    for group in receipt.files:
        if group.place == "folder" and (reason := _difference(group, folder)):
            first, last = group.names()[0], group.names()[-1]
            names = first if group.files == 1 else f"{first} to {last}"
            yield "files that are not as the run has left them", f"{folder.name}/{names} ({reason})"


def _difference(group: FileGroup, folder: Path) -> str | None:
    size = crc32 = 0
    for name in group.names():
        try:
            with open_regular(folder / name) as file:
                while data := file.read(PIECE):
                    size, crc32 = size + len(data), isal_zlib.crc32(data, crc32)
        except OSError as error:
            return f"{name}: {error.strerror}"
    if size != group.size:
        return f"{size:,} bytes instead of {group.size:,}"
    return None if crc32 == group.crc32 else "another checksum"
