"""The journal of a folder in an object store: its lines stand in several objects, as none can be appended to.

The last object is written again with each new line until it is as large as `SEGMENT`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path

from digitseq.files.object_store import ObjectStore
from digitseq.runs.journal import Entry, Journal, begun_line, done_line

SEGMENT = 1 << 18  # bytes
READ_AT_ONCE = 64  # objects
_NAME = re.compile(r"\d{6,}\.jsonl")


class ObjectJournal(Journal):
    """The journal in `folder`. write: replaces an object, if the run still owns the folder. See `Journal`."""

    def __init__(self, store: ObjectStore, folder: Path, write: Callable[[Path, bytes], None]) -> None:
        super().__init__(folder)
        self._store, self._write = store, write
        self._ends = list(accumulate(size for _, size in _segments(store, folder)))
        self._last: bytes | None = None  # contents of the last object, once they are needed

    def size(self) -> int:
        return self._ends[-1] if self._ends else 0

    def lines(self, offset: int) -> Iterator[bytes]:
        return object_lines_from(self._store, self.path, offset)

    def cut(self, end: int) -> None:
        while self._ends and self._start(len(self._ends) - 1) >= end:
            self._store.remove([self._segment(len(self._ends) - 1)])
            self._ends.pop()
            self._last = None
        if self.size() > end:
            self._put_last(self._tail()[: end - self._start(len(self._ends) - 1)])

    def keep(self, entries: list[Entry], start: int) -> None:
        """Parts that are published together have mixed lines here: those of the last such group are written again."""
        if (entries[-1].done if entries else start) == self.size():
            return
        alone = len(entries) - 1
        while alone > 0 and (entries[alone - 1].done or 0) > entries[alone].begun:
            alone -= 1
        self.cut((entries[alone - 1].done or start) if alone > 0 else start)
        if rest := entries[max(alone, 0) :]:
            self.append(b"".join(begun_line(entry.receipt) + done_line(entry.receipt) for entry in rest))

    def append(self, lines: bytes) -> None:
        if not self._ends or self._ends[-1] - self._start(len(self._ends) - 1) >= SEGMENT:
            self._ends.append(self.size())
            self._last = b""
        self._put_last(self._tail() + lines)

    def _put_last(self, data: bytes) -> None:
        place = len(self._ends) - 1
        self._write(self._segment(place), data)
        self._ends[place], self._last = self._start(place) + len(data), data

    def _tail(self) -> bytes:
        if self._last is None:
            (self._last,) = self._store.read([self._segment(len(self._ends) - 1)])
        return self._last

    def _start(self, place: int) -> int:
        return self._ends[place - 1] if place else 0

    def _segment(self, place: int) -> Path:
        return self.path / f"{place:06d}.jsonl"


def object_lines_from(store: ObjectStore, folder: Path, offset: int) -> Iterator[bytes]:
    """The lines after byte `offset` of the journal in `folder`. Raises `OSError`."""
    start, wanted = 0, list[tuple[Path, int]]()
    for name, size in _segments(store, folder):
        if start + size > offset:
            wanted.append((folder / name, max(offset - start, 0)))
        start += size
    for first in range(0, len(wanted), READ_AT_ONCE):
        some = wanted[first : first + READ_AT_ONCE]
        for data, (_, skipped) in zip(store.read([path for path, _ in some]), some):
            yield from data[skipped:].splitlines(keepends=True)


def objects_changed(store: ObjectStore, folder: Path) -> float | None:
    """When the last object of the journal in `folder` was written, in seconds since 1970; None where there is none."""
    segments = _segments(store, folder)
    return store.modified(folder / segments[-1][0]).timestamp() if segments else None


def _segments(store: ObjectStore, folder: Path) -> list[tuple[str, int]]:
    return sorted(each for each in store.sizes(folder).items() if _NAME.fullmatch(each[0]))
