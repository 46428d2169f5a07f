"""The journal of a folder: which parts of its runs are finished.

A file of JSON lines, added to only. Two lines for each part: one before any of its files gets its final name, and one
when all of them have it. So a run that was killed at any place has at most one part that is neither finished nor
untouched, and the journal names its files.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, get_args

from digitseq.errors import OutputError
from digitseq.formats.parts import Addition, FileGroup, Part, Place, Receipt

_FLAGS = (
    os.O_RDWR | os.O_APPEND | os.O_CREAT
    | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)  # fmt: skip


class Finished(NamedTuple):
    """A finished part, and where its last line in the journal ends, in bytes."""

    receipt: Receipt
    end: int


@dataclass
class Progress:
    """What the journal says of one run, whose lines begin at byte `offset`.

    finished: its parts, in order; begun: the part whose files were being given their names when the run broke off
    """

    offset: int
    finished: list[Finished] = field(default_factory=list)
    begun: Receipt | None = None

    @property
    def end(self) -> int:
        """Where the lines of the finished parts end."""
        return self.finished[-1].end if self.finished else self.offset

    def images(self, section: int) -> int:
        """How many images of a section are in finished parts."""
        parts = (receipt.part for receipt, _ in self.finished)
        return sum(part.stop - part.start for part in parts if part.section == section)


class Journal:
    """The journal in the file `path`, open for adding to it. Use as a context manager. Methods raise `OSError`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, _FLAGS, 0o666)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def size(self) -> int:
        """Bytes in the journal: where the lines of the next run begin."""
        return os.fstat(self._descriptor).st_size

    def begin_part(self, receipt: Receipt) -> None:
        """From now on files of this part may have their final names."""
        # how a file got its name is not what the journal is about: it has the same bytes for any number of processes
        groups = [g._replace(place="folder") if g.place == "direct" else g for g in receipt.files]
        files = [{k: v for k, v in group._asdict().items() if v is not None} for group in groups]
        self._add({"part": receipt.part, "files": files, "additions": [a._asdict() for a in receipt.additions]})

    def finish_part(self, part: Part) -> None:
        """All files of the part have their names, and what it adds is added."""
        self._add({"done": part.number})

    def cut(self, end: int) -> None:
        """Forget what was written after byte `end`."""
        if self.size() > end:
            os.ftruncate(self._descriptor, end)

    def read(self, offset: int) -> Progress:
        """What is known of the run whose lines begin at byte `offset`.

        A last line that was cut off does not count. Raises `OutputError` when the journal is something else.
        """
        progress = Progress(offset)
        try:
            with open(os.dup(self._descriptor), "rb") as file:
                file.seek(offset)
                for line in file:
                    offset += len(line)
                    if line.endswith(b"\n"):
                        _read_entry(progress, json.loads(line), offset)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise OutputError(
                f"{self.path} is not a journal that digitseq wrote: name another directory with -o"
            ) from None
        return progress

    def _add(self, entry: dict[str, Any]) -> None:
        line, size = json.dumps(entry, separators=(",", ":")).encode() + b"\n", self.size()
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            os.ftruncate(self._descriptor, size)
            raise


def _read_entry(progress: Progress, entry: dict[str, Any], end: int) -> None:
    if "part" in entry:
        part = Part(*map(int, entry["part"]))
        files = tuple(FileGroup(**group) for group in entry["files"])
        additions = tuple(Addition(**addition) for addition in entry["additions"])
        if not all(_is_own(group, part) for group in files) or not all(map(_is_own_addition, additions)):
            raise ValueError
        progress.begun = Receipt(part, files, additions)
    elif progress.begun is not None and entry["done"] == progress.begun.part.number:
        progress.finished.append(Finished(progress.begun, end))
        progress.begun = None


def _is_own(group: FileGroup, part: Part) -> bool:
    """Whether a part of ours can have such files. They may be removed: a journal must not name any others."""
    numbered = type(group.first) is int and group.name.count("%") == group.name.count("%d") == 1
    return (
        _is_plain(group.name, group.place, group.size)
        and (numbered or group.first is None)
        and type(group.files) is int
        and 0 < group.files <= max(part.stop - part.start, 1)
    )


def _is_own_addition(addition: Addition) -> bool:
    return _is_plain(addition.name, addition.place, addition.size, addition.before)


def _is_plain(name: str, place: str, *counts: int) -> bool:
    """Whether `name` is that of a file in the folder itself."""
    inside = name not in ("", ".", "..") and not any(c in name for c in "/\\\0")
    return inside and place in get_args(Place) and all(type(count) is int and count >= 0 for count in counts)
