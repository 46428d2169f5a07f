"""The journal of a folder: which parts of its runs are finished.

JSON lines, only ever appended to. A part has two lines: one before the first of its files gets its final name, and one
after the last file has it. So wherever a run is killed, the journal names the files of parts that are half published,
and the next run into the folder can remove them.

Lines are not synced to the disk one by one. What a killed process has written is safe with the system; after a power
failure `--resume` compares the files with their recorded sizes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

from digitseq.errors import OutputError
from digitseq.files.locations import is_there
from digitseq.files.regular import open_regular
from digitseq.formats.parts import MASKS, Addition, FileGroup, Part, Place, Receipt
from digitseq.runs.naming import safe_name


class Entry(NamedTuple):
    """A part in the journal, and where its two lines end, in bytes. done: None while the part is being published."""

    receipt: Receipt
    begun: int
    done: int | None = None


class Journal:
    """The journal of a folder. path: where its lines stand. Methods raise `OSError`.

    Whoever does not own the folder may only call `read`, `lines` and `changed`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def size(self) -> int:
        """Bytes in the journal: where the lines of the next run begin."""
        raise NotImplementedError

    def changed(self) -> float | None:
        """When it was written last, in seconds since 1970; None where there is none."""
        raise NotImplementedError

    def append(self, lines: bytes) -> None:
        """Add whole lines, or nothing when that fails."""
        raise NotImplementedError

    def cut(self, end: int) -> None:
        """Remove everything after byte `end`."""
        raise NotImplementedError

    def lines(self, offset: int) -> Iterator[bytes]:
        """The lines that begin at byte `offset`, none where there is no journal; the last one may have no end."""
        raise NotImplementedError

    def keep(self, entries: list[Entry], start: int) -> None:
        """Remove everything after byte `start` but the finished `entries`, which are the first there."""
        self.cut((entries[-1].done if entries else None) or start)

    def read(self, offset: int, end: int | None = None) -> list[Entry]:
        """The parts of a run whose lines begin at byte `offset` and end at byte `end`, in order.

        Raises `OutputError` when they are something else than lines of a journal.
        """
        entries, undone = list[Entry](), dict[int, int]()
        try:
            for line in self.lines(offset):
                offset += len(line)
                if not line.endswith(b"\n") or (end is not None and offset > end):  # without an end, a kill cut it off
                    break
                fields = json.loads(line)
                if "part" in fields:
                    entries.append(Entry(_receipt(fields), offset))
                    undone[entries[-1].receipt.part.number] = len(entries) - 1
                elif (place := undone.pop(fields["done"], None)) is not None:
                    entries[place] = entries[place]._replace(done=offset)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            raise OutputError(
                f"{self.path} is not a journal that digitseq wrote: name another directory with `output_path`"
            ) from None
        return entries


class FileJournal(Journal):
    """The journal in the file `path`. descriptor: of this file, open for appending, where the run owns the folder.

    It stays open for the whole run: even if the folder is replaced, another run's journal is never written.
    """

    def __init__(self, path: Path, descriptor: int = -1) -> None:
        super().__init__(path)
        self._descriptor = descriptor

    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def changed(self) -> float | None:
        return self.path.stat().st_mtime if is_there(self.path) else None

    def append(self, lines: bytes) -> None:
        size, rest = self.size(), memoryview(lines)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            os.ftruncate(self._descriptor, size)  # the disk is full: half a line would spoil those that follow
            raise

    def cut(self, end: int) -> None:
        if self.size() > end:
            os.ftruncate(self._descriptor, end)

    def lines(self, offset: int) -> Iterator[bytes]:
        if self._descriptor >= 0 or is_there(self.path):  # an owner must not take a journal that is gone for none
            with open_regular(self.path) as file:
                file.seek(offset)
                yield from file


def begun_line(receipt: Receipt) -> bytes:
    """The line before the files of a part get their final names."""
    # "direct" depends on the number of processes; without it the journal has the same bytes for any number
    files = [(g._replace(place="folder") if g.place == "direct" else g)._asdict() for g in receipt.files]
    return _line({"part": receipt.part, "files": files, "additions": [a._asdict() for a in receipt.additions]})


def done_line(receipt: Receipt) -> bytes:
    """The line after it."""
    return _line({"done": receipt.part.number})


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


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
