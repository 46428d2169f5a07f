"""The journal of a folder: which parts of its runs are finished.

A file of JSON lines, only ever appended to. A part has two lines: one before the first of its files gets its final
name, and one after the last file has it. So wherever a run is killed, at most one part is half published, and the
journal names the files of that part, so that the next run into the folder can remove them.

Lines are not synced to the disk one by one. What a killed process has written is safe with the system; after a power
failure `--resume` compares the files with their recorded sizes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, get_args

from digitseq.errors import OutputError
from digitseq.files.regular import open_regular
from digitseq.formats.parts import MASKS, Addition, FileGroup, Part, Place, Receipt
from digitseq.runs.naming import safe_name


class Entry(NamedTuple):
    """A part in the journal, and where its two lines end, in bytes. done: None while the part is being published."""

    receipt: Receipt
    begun: int
    done: int | None = None


class Journal:
    """The journal in `file`, which is open for appending. Methods raise `OSError`.

    It stays open for the whole run: even if the folder is replaced, another run's journal is never written.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.path, self._descriptor = Path(file.name), file.fileno()

    def size(self) -> int:
        """Bytes in the journal: where the lines of the next run begin."""
        return os.fstat(self._descriptor).st_size

    def begin_part(self, receipt: Receipt) -> None:
        """From now on files of this part may have their final names."""
        # "direct" depends on the number of processes; without it the journal has the same bytes for any number
        files = [(g._replace(place="folder") if g.place == "direct" else g)._asdict() for g in receipt.files]
        self._append({"part": receipt.part, "files": files, "additions": [a._asdict() for a in receipt.additions]})

    def finish_part(self, part: Part) -> None:
        """All files of the part have their final names, and its additions are written."""
        self._append({"done": part.number})

    def cut(self, end: int) -> None:
        """Remove everything after byte `end`."""
        if self.size() > end:
            os.ftruncate(self._descriptor, end)

    def read(self, offset: int) -> list[Entry]:
        """As `read_journal`."""
        return read_journal(self.path, offset)

    def _append(self, entry: dict[str, Any]) -> None:
        size, rest = self.size(), memoryview(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            os.ftruncate(self._descriptor, size)  # the disk is full: half a line would spoil those that follow
            raise


def read_journal(path: Path, offset: int) -> list[Entry]:
    """The parts whose lines begin at byte `offset` of the journal `path`, in order.

    Raises `OutputError` when the file is something else than a journal.
    """
    entries: list[Entry] = []
    try:
        with open_regular(path) as file:
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):  # a kill cut it off
                    break
                fields, offset = json.loads(line), offset + len(line)
                if "part" in fields:
                    entries.append(Entry(_receipt(fields), offset))
                elif entries and fields["done"] == entries[-1].receipt.part.number:
                    entries[-1] = entries[-1]._replace(done=offset)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise OutputError(
            f"{path} is not a journal that digitseq wrote: name another directory with `output_path`"
        ) from None
    return entries


def _receipt(entry: dict[str, Any]) -> Receipt:
    """The receipt in a line of the journal. Recovery removes and cuts what it names, so it must not name other files.

    Raises `ValueError`, `KeyError` or `TypeError` for a receipt that no part can have.
    """
    part = Part(*map(int, entry["part"]))
    files = tuple(FileGroup(**group) for group in entry["files"])
    additions = tuple(Addition(**addition) for addition in entry["additions"])
    named: list[FileGroup | Addition] = [*files, *additions]
    for file in named:
        counts = [getattr(file, name, 0) for name in ("size", "files", "before")]
        counts += [file.crc32] * (file.crc32 is not None or isinstance(file, FileGroup))
        if not isinstance(file.name, str):
            raise ValueError
        if (
            safe_name(name := file.name.removeprefix(f"{MASKS}/")) != name or file.place not in get_args(Place)
            or not all(type(n) is int and n >= 0 for n in counts)
        ):  # fmt: skip
            raise ValueError
    for group in files:
        numbered = type(group.first) is int and group.name.count("%") == group.name.count("%d") == 1
        if not (numbered or group.first is None) or not 0 < group.files <= max(part.stop - part.start, 1):
            raise ValueError
    return Receipt(part, files, additions)
