"""Parts of a run: ranges of images, whose files are made in a directory of their own before they get their names."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

from isal import isal_zlib

from digitseq.pipeline import Batch, Pipeline

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)

Place = Literal["folder", "direct", "kept", "part"]


class Part(NamedTuple):
    """Images start … stop-1, from 0, of section number `section` of a run; `number` counts all parts of the run."""

    number: int
    section: int
    start: int
    stop: int


class FileGroup(NamedTuple):
    """Files of a part: one called `name`, or `files` of them, `name % first`, `name % (first + 1)`, …

    size: bytes in all of them together; crc32: of these bytes, one file after the other
    place: "folder" for results; "direct" for results that have their final names already; "kept" for what results are
    put together from at the end of the run; "part" for what only `Format.take` needs
    """

    name: str
    size: int
    crc32: int
    first: int | None = None
    files: int = 1
    place: Place = "folder"

    def names(self) -> list[str]:
        """The names of all files."""
        if self.first is None:
            return [self.name]
        return [self.name % number for number in range(self.first, self.first + self.files)]


class Addition(NamedTuple):
    """`size` bytes that a part adds to the end of the file `name`, such as its lines in metadata.jsonl.

    before: how long the file was; known when the part is published
    """

    name: str
    size: int
    place: Place = "folder"
    before: int = 0


class Receipt(NamedTuple):
    """What was made for a part: small, as it travels between processes, whatever the part's size."""

    part: Part
    files: tuple[FileGroup, ...]
    additions: tuple[Addition, ...]


class PartFiles:
    """Where a format puts the files of one part. Makes `Receipt.files` and `.additions` on the way.

    directory: where they stand until they get their final names; it exists and is empty
    check: called between batches; raises to end the work early, when nobody wants the part any more
    direct: a link to the final folder that the owner of the run takes away when the run breaks off. Files that
        `write_numbered` makes through it need no renaming, which would take as long as half of making them.
    Methods raise `OSError`.
    """

    def __init__(self, directory: Path, check: Callable[[], None], direct: Path | None = None) -> None:
        self.directory, self._check, self._direct = directory, check, direct
        self._files: list[FileGroup] = []
        self._additions: dict[str, Addition] = {}

    def receipt(self, part: Part) -> Receipt:
        """What was written so far."""
        return Receipt(part, tuple(self._files), tuple(self._additions.values()))

    def batches(self, pipeline: Pipeline, start: int, stop: int) -> Iterator[Batch]:
        """Images start … stop-1 in batches of the pipeline's size."""
        for batch in batches(pipeline, start, stop):
            self._check()
            yield batch

    def write_numbered(self, name: str, first: int, files: list[bytes]) -> None:
        """Write the files `name % first`, `name % (first + 1)`, …; `name` is one of `Format.numbered`."""
        prefix, encoded, crc32 = os.fsencode((self._direct or self.directory) / "_")[:-1], os.fsencode(name), 0
        for number, data in enumerate(files, first):
            # never a file that is there: not even a process that wakes up late can change an image
            descriptor = os.open(prefix + encoded % number, _CREATE, 0o666)
            try:
                written = os.write(descriptor, data)
                while written < len(data):
                    written += os.write(descriptor, data[written:])
            finally:
                os.close(descriptor)
            crc32 = isal_zlib.crc32(data, crc32)
        place: Place = "direct" if self._direct else "folder"
        self._files.append(FileGroup(name, sum(map(len, files)), crc32, first, len(files), place))

    @contextlib.contextmanager
    def open(self, name: str, place: Place = "folder") -> Iterator[ChecksumWriter]:
        """A new file `name`, open for writing."""
        with open(self.directory / name, "xb") as file:
            writer = ChecksumWriter(file)
            yield writer
        self._files.append(FileGroup(name, writer.size, writer.crc32, place=place))

    def add(self, name: str, data: bytes, place: Place = "folder") -> None:
        """Add `data` to the end of the file `name`, which the parts before this one have begun."""
        with open(self.directory / addition_name(name), "ab") as file:
            file.write(data)
        size = self._additions[name].size if name in self._additions else 0
        self._additions[name] = Addition(name, size + len(data), place)


class ChecksumWriter:
    """A binary file that knows the size and the CRC-32 of what was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.size, self.crc32, self.closed = file, 0, 0, False

    def write(self, data: Any) -> int:
        """Write all of `data`, which has a buffer. Raises `OSError`."""
        view = memoryview(data).cast("B")
        self._file.write(view)
        self.size += len(view)
        self.crc32 = isal_zlib.crc32(view, self.crc32)
        return len(view)

    def tell(self) -> int:
        """Bytes written so far."""
        return self.size

    def flush(self) -> None:
        """Hand over to the system what is buffered."""
        self._file.flush()

    def close(self) -> None:
        """Nothing: whoever opened the file closes it."""


def addition_name(name: str) -> str:
    """What a part calls the bytes that it adds to the file `name`."""
    return f"{name}.added"


def batches(pipeline: Pipeline, start: int, stop: int) -> Iterator[Batch]:
    """Images start … stop-1 in batches of the pipeline's size."""
    return (pipeline.batch(*span) for span in spans(start, stop, pipeline.batch_size))


def spans(start: int, stop: int, size: int) -> Iterator[tuple[int, int]]:
    """start … stop in pieces of `size`."""
    return ((first, min(first + size, stop)) for first in range(start, stop, size))
