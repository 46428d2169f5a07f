"""The lines of a file, in order."""

from __future__ import annotations

import contextlib
import os
import sys
import weakref
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from digitseq.errors import DataError, SettingsError
from digitseq.random_streams import Rows
from digitseq.settings import Settings
from digitseq.sources.base import Codes, Source, encode
from digitseq.sources.line_index import BLOCK, SETTING, index_lines, split_lines

STANDARD_INPUT = "-"


def from_settings(settings: Settings, characters: str) -> NumbersFile:
    return NumbersFile(settings.numbers_file or "")


def folder_name(settings: Settings) -> str:
    path = settings.numbers_file or ""
    return "stdin" if path == STANDARD_INPUT else Path(path).stem.lstrip(".")


class NumbersFile(Source):
    """Image i gets line i of a text file in UTF-8, starting again at the first line when there are no more.

    path: the file, or `-` for standard input. Standard input and pipes are copied to a temporary file, which is removed
    with this object. Line ends are LF or CR LF. A byte order mark, blank lines, and spaces and tabs at the ends of a
    line are skipped. Spaces within a line belong to the text.

    The file is read once; only the position of one line in 1,024 (8 bytes each) is kept in memory. Pickles as its path
    and these positions; each process reads the lines from the file again.

    Raises `SettingsError` if the file cannot be read, has no lines, a line of more than 255 characters, bytes
    that are not UTF-8 or control characters (with the number of the line). `codes` raises `DataError` if the
    file is no longer the one that was read.
    """

    ordered = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            self.name = "standard input" if path == STANDARD_INPUT else os.fspath(path)
            self._given = os.fspath(path)
            # what can be read only once is kept
            self._path = _spool(self, path) if path == STANDARD_INPUT or Path(path).is_fifo() else Path(path).absolute()
            with open(self._path, "rb") as file:
                self._stamp = _stamp(file)
                self._index = index_lines(file, self.name)
        except OSError as error:
            raise SettingsError(f"cannot read {self.name} ({error.strerror})", SETTING) from None
        self.period = self.images = self._index.lines
        self.characters = self._index.characters
        self.max_length = len(self._index.longest)

    def provenance(self) -> dict[str, str]:
        return {"lines_sha256": self._index.digest}

    def recorded_settings(self) -> dict[str, str]:
        return {} if self._given == STANDARD_INPUT else {SETTING: str(Path(self._given).absolute())}

    def longest(self) -> str:
        return self._index.longest

    def codes(self, rows: Rows) -> Codes:
        texts: list[str] = []
        try:
            with open(self._path, "rb") as file:
                if _stamp(file) != self._stamp:
                    raise self._changed()
                wanted = (rows.index % self._index.lines).tolist()
                for block, numbers in groupby(wanted, lambda number: number // BLOCK):
                    lines = self._read(file, block)
                    texts += [lines[number % BLOCK] for number in numbers]
        except OSError as error:
            raise DataError(f"cannot read {self.name} any more ({error.strerror})") from None
        except IndexError:  # other lines, although size and time of change are the same
            raise self._changed() from None
        return encode(texts, self.max_length)

    def refusal(self, character: str, allowed: str) -> str:
        sought = character.encode()
        with open(self._path, "rb") as file:
            number = next((number for number, line in enumerate(file, 1) if sought in line and line.strip()), 0)
        return f"{self.name}, line {number:,}: {super().refusal(character, allowed)}"

    def _read(self, file: BinaryIO, block: int) -> list[str]:
        """The lines of a block that are not blank."""
        starts = self._index.starts
        file.seek(int(starts[block]))
        piece = file.read(int(starts[block + 1] - starts[block]) if block + 1 < len(starts) else -1)
        return [line for line in split_lines(piece) if line]

    def _changed(self) -> DataError:
        return DataError(f"{self.name} has changed while it was in use: start again with the file as it is now")


def _stamp(file: BinaryIO) -> tuple[int, int]:
    """What changes when a file is written: its size in bytes, and when it was last changed, in ns."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _spool(owner: NumbersFile, path: str | os.PathLike[str]) -> Path:
    """A temporary file with all of the stream, removed when `owner` is.

    Where an open file can be opened again through /proc (Linux), it has no name: not even a killed process leaves it
    behind.
    """
    import shutil
    import tempfile

    if path == STANDARD_INPUT and sys.stdin is None:
        raise SettingsError("standard input is closed: pipe the lines in, or name a file", SETTING)
    nameless = Path("/proc/self/fd").exists()
    file = (tempfile.TemporaryFile if nameless else tempfile.NamedTemporaryFile)(prefix="digitseq-", suffix=".txt")
    weakref.finalize(owner, file.close)
    with contextlib.nullcontext(sys.stdin.buffer) if path == STANDARD_INPUT else open(path, "rb") as stream:
        shutil.copyfileobj(stream, file)
    file.flush()
    # with the number of this process, as worker processes open it, too
    return Path(f"/proc/{os.getpid()}/fd/{file.fileno()}" if nameless else file.name)
