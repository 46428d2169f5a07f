"""The journal of a folder in an object store: its lines stand in several objects, as none can be appended to.

The last object is written again with each new line until it is as large as `SEGMENT`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

from digitseq.files.object_store import ObjectStore
from digitseq.formats.parts import spans
from digitseq.runs.journal import Entry, Journal, begun_line, done_line

SEGMENT = 1 << 18  # bytes
READ_AT_ONCE = 64  # objects
_NAME = re.compile(r"\d{6,}\.jsonl")


class ObjectJournal(Journal):
    """The journal in the folder `path`. write: replaces an object, if the run still owns the folder. See `Journal`."""

    def __init__(self, store: ObjectStore, path: Path, write: Callable[[Path, bytes], None]) -> None:
        super().__init__(path)
        self._store, self._write = store, write
        self._last: bytes | None = None  # contents of the last object, once they are needed

    @cached_property
    def _sizes(self) -> list[int]:
        """Of the objects, in bytes; those of an owner, which nobody else changes."""
        return [size for _, size in self._segments()]

    def size(self) -> int:
        return sum(self._sizes)

    def changed(self) -> float | None:
        segments = self._segments()
        return self._store.modified(self.path / segments[-1][0]).timestamp() if segments else None

    def lines(self, offset: int) -> Iterator[bytes]:
        start, wanted = 0, list[tuple[Path, int]]()
        for name, size in self._segments():
            if start + size > offset:
                wanted.append((self.path / name, max(offset - start, 0)))
            start += size
        for data, (_, skipped) in zip(contents_of(self._store, [path for path, _ in wanted]), wanted):
            yield from data[skipped:].splitlines(keepends=True)

    def cut(self, end: int) -> None:
        while self._sizes and self.size() - self._sizes[-1] >= end:
            self._store.remove([self._last_path()])
            self._sizes.pop()
            self._last = None
        if (left_over := self.size() - end) > 0:
            self._put_last(self._tail()[:-left_over])

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
        if not self._sizes or self._sizes[-1] >= SEGMENT:
            self._sizes.append(0)
            self._last = b""
        self._put_last(self._tail() + lines)

    def _put_last(self, data: bytes) -> None:
        self._write(self._last_path(), data)
        self._sizes[-1], self._last = len(data), data

    def _tail(self) -> bytes:
        if self._last is None:
            (self._last,) = self._store.read([self._last_path()])
        return self._last

    def _last_path(self) -> Path:
        return self.path / f"{len(self._sizes) - 1:06d}.jsonl"

    def _segments(self) -> list[tuple[str, int]]:
        """The names and sizes of the objects as they are now, in order."""
        return sorted(each for each in self._store.sizes(self.path).items() if _NAME.fullmatch(each[0]))


def contents_of(store: ObjectStore, paths: list[Path]) -> Iterator[bytes]:
    """The contents of many objects, in order; few are in memory at a time. Raises `OSError`."""
    for first, stop in spans(0, len(paths), READ_AT_ONCE):
        yield from store.read(paths[first:stop])
