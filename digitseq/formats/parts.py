"""Parts of a run: ranges of images, whose files are made in a directory of their own, and then moved."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

from isal import isal_zlib

from digitseq.files.listing import names_in
from digitseq.files.locations import is_folder
from digitseq.pipeline import Batch, Pipeline
from digitseq.sources.base import Check, never_cancelled

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)

MASKS = "masks"  # the directory, below that of the images, whose files `write_numbered` may name as "masks/%d.png"
LONGEST_NUMBER = 15  # digits; a longer name is not one of our numbers
Place = Literal["folder", "direct", "kept", "part"]


class Part(NamedTuple):
    """Images start … stop-1, from 0, of section number `section` of a run; `number` counts all parts of the run."""

    number: int
    section: int
    start: int
    stop: int


class FileGroup(NamedTuple):
    """Files of a part: one called `name`, or `files` of them, `name % first`, `name % (first + 1)`, …

    size: total bytes; crc32: of all files, concatenated
    place: "folder" for results; "direct" for results that have their final names already; "kept" for what results are
    assembled from at the end of the run; "part" for what only `Format.take` needs
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
    """`size` bytes that a part appends to the file `name`, such as its lines in metadata.jsonl.

    before: how long the file was; known when the part is published
    crc32: of the bytes that are appended; None in journals of releases that did not record it
    """

    name: str
    size: int
    place: Place = "folder"
    before: int = 0
    crc32: int | None = None


class Receipt(NamedTuple):
    """What was made for a part. It is sent between processes, so its size does not depend on the part's.

    directory: below the stage, where the files are until they get their final names; "": it is called like the part
    """

    part: Part
    files: tuple[FileGroup, ...]
    additions: tuple[Addition, ...]
    directory: str = ""


class PartFiles:
    """Writes the files of one part, and records them for `receipt`. Methods raise `OSError`.

    directory: for files that have not got their final names yet; it exists and is empty
    check: called between batches; raises to end the work early, when the part is no longer wanted
    direct: a link to the final folder, which the owner of the run removes when the run breaks off. Files that
        `write_numbered` creates through it need no renaming, which would take half as long as making them.
    """

    def __init__(self, directory: Path, check: Check = never_cancelled, direct: Path | None = None) -> None:
        self.directory, self._check, self._direct = directory, check, direct
        self._files: dict[str, FileGroup] = {}
        self._additions: dict[str, Addition] = {}

    def receipt(self, part: Part) -> Receipt:
        """What has been written so far."""
        return Receipt(part, tuple(self._files.values()), tuple(self._additions.values()), self.directory.name)

    def batches(self, pipeline: Pipeline, start: int, stop: int) -> Iterator[Batch]:
        """Images start … stop-1 in batches of the pipeline's size."""
        return batches(pipeline, start, stop, self._check)

    def write_numbered(self, name: str, first: int, files: list[bytes]) -> None:
        """Write the files `name % first`, `name % (first + 1)`, …; `name` is one of `Format.numbered`.

        Those of the next batch of a part follow those of the last one.
        """
        if name.startswith(f"{MASKS}/"):
            ((self._direct or self.directory) / MASKS).mkdir(exist_ok=True)
        # the hottest loop of a run over files: `open` and `Path` would take longer than the system calls
        prefix, encoded = os.fsencode((self._direct or self.directory) / "_")[:-1], os.fsencode(name)
        for number, data in enumerate(files, first):
            # O_EXCL never opens an existing file: a process that wakes up late cannot change an image
            descriptor = os.open(prefix + encoded % number, _CREATE, 0o666)
            try:
                written = os.write(descriptor, data)
                while written < len(data):
                    written += os.write(descriptor, data[written:])
            finally:
                os.close(descriptor)
        everything = b"".join(files)  # one checksum of it takes less time than many of a few hundred bytes
        group = self._files.get(name, FileGroup(name, 0, 0, first, 0, "direct" if self._direct else "folder"))
        size, crc32 = group.size + len(everything), isal_zlib.crc32(everything, group.crc32)
        self._files[name] = group._replace(size=size, crc32=crc32, files=group.files + len(files))

    @contextlib.contextmanager
    def open(self, name: str, place: Place = "folder") -> Iterator[ChecksumWriter]:
        """A new file `name`, open for writing."""
        with open(self.directory / name, "xb") as file:
            writer = ChecksumWriter(file)
            yield writer
        self._files[name] = FileGroup(name, writer.size, writer.crc32, place=place)

    def add(self, name: str, data: bytes, place: Place = "folder") -> None:
        """Append `data` to the file `name`, which is shared by all parts."""
        with open(self.directory / addition_name(name), "ab") as file:
            file.write(data)
        added = self._additions.get(name, Addition(name, 0, place, crc32=0))
        crc32 = isal_zlib.crc32(data, added.crc32 or 0)
        self._additions[name] = added._replace(size=added.size + len(data), crc32=crc32)

    def publish(self, folder: Path, kept: Path) -> None:
        """Move everything to its final place. A run does this with a journal, and survives being killed."""
        targets = {"folder": folder, "kept": kept}
        for group in self._files.values():
            if group.place in targets:
                for name in group.names():
                    os.replace(self.directory / name, targets[group.place] / name)
        for addition in self._additions.values():
            with open(targets[addition.place] / addition.name, "ab") as file:
                file.write((self.directory / addition_name(addition.name)).read_bytes())


class ChecksumWriter:
    """Writes to a binary file. size, crc32: of the bytes written so far."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.size, self.crc32 = file, 0, 0

    def write(self, data: Any) -> None:
        """Write all of `data`, a contiguous buffer. Raises `OSError`."""
        view = memoryview(data).cast("B")
        self._file.write(view)
        self.size += len(view)
        self.crc32 = isal_zlib.crc32(view, self.crc32)


def addition_name(name: str) -> str:
    """The file in a part's directory with the bytes that the part appends to the file `name`."""
    return f"{name}.added"


def batches(pipeline: Pipeline, start: int, stop: int, check: Check = never_cancelled) -> Iterator[Batch]:
    """Images start … stop-1 in batches of the pipeline's size. check: called after each; raises to end the work."""
    for span in spans(start, stop, pipeline.batch_size):
        batch = pipeline.batch(*span)
        check()
        yield batch


def spans(start: int, stop: int, size: int) -> Iterator[tuple[int, int]]:
    """The ranges of `size` numbers into which start … stop is cut; the last one may be shorter."""
    return ((first, min(first + size, stop)) for first in range(start, stop, size))


def numbers_in(folder: Path, name: str = "%d.png") -> list[int]:
    """The numbers of the files `name % number` in the folder, in any order; none if there is no folder."""
    place = (folder / name).parent
    pattern = re.compile(re.escape(Path(name).name).replace("%d", f"([0-9]{{1,{LONGEST_NUMBER}}})"))
    names = names_in(place) if is_folder(place) else ()
    return [int(match[1]) for name in names if (match := pattern.fullmatch(name))]
