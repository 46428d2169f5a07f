"""The lines of a file, in order."""

from __future__ import annotations

import contextlib
import os
import sys
import weakref
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import DataError, SettingsError
from digitseq.random_streams import Rows
from digitseq.sources.base import Codes
from digitseq.sources.line_index import BLOCK, SETTING, LineIndex, code_points, index_lines, split_lines

STANDARD_INPUT = "-"


class NumbersFile:
    """Image i gets line i of a text file in UTF-8, from the first line again when there are no more.

    path: the file, or `-` for standard input, which as any pipe is copied to a temporary file, removed with this
    object. Line ends are LF or CR LF; blank lines (empty, or nothing but spaces and tabs) are skipped, and so
    is a byte order mark. All other spaces belong to the text.

    The file is read through once; kept are the places of one line in 1,024 (8 bytes each) and nothing else.
    Pickles as its path and those, and reads from the file again in each process.

    Raises `SettingsError` when the file cannot be read, has no lines, a line of more than 255 characters, bytes
    that are not UTF-8 or control characters (with the number of the line). `codes` raises `DataError` when the
    file is no longer the one that was read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            self.name = "standard input" if path == STANDARD_INPUT else os.fspath(path)
            self._path = _spool(self, path) if _is_stream(path) else Path(path).absolute()
            with open(self._path, "rb") as file:
                self._stamp = _stamp(file)
                self._index: LineIndex = index_lines(file, self.name)
        except OSError as error:
            raise SettingsError(f"cannot read {self.name} ({error.strerror})", SETTING) from None
        except TypeError:
            raise SettingsError(f"numbers_file must be a path or -, got {path!r:.60}", SETTING) from None

    def __len__(self) -> int:
        """How many lines there are, blank ones not counted."""
        return self._index.lines

    @property
    def max_length(self) -> int:
        return len(self._index.longest)

    @property
    def count(self) -> int | None:
        return None  # lines can be the same

    @property
    def characters(self) -> frozenset[str]:
        return self._index.characters

    @property
    def digest(self) -> str:
        """sha256 of the lines, hex."""
        return self._index.digest

    def longest(self) -> str:
        return self._index.longest

    def codes(self, rows: Rows) -> Codes:
        wanted, position = np.unique(rows.index % len(self), return_inverse=True)
        codes = np.zeros((len(wanted), self.max_length), np.uint32)
        try:
            with open(self._path, "rb") as file:
                self._check(file)
                for block in np.unique(wanted // BLOCK):
                    here = np.flatnonzero(wanted // BLOCK == block)
                    codes[here] = self._read(file, int(block), wanted[here] % BLOCK)
        except OSError as error:
            raise DataError(f"cannot read {self.name} any more ({error.strerror})") from None
        except IndexError:  # fewer lines, with the size and the time of change of before
            raise self._changed() from None
        return codes[position.ravel()]

    def line_with(self, character: str) -> int:
        """The number of the first line, from 1 and with the blank ones, that has `character`; 0: none has it."""
        sought = character.encode()
        with open(self._path, "rb") as file:
            return next((number for number, line in enumerate(file, 1) if sought in line and line.strip()), 0)

    def _read(self, file: BinaryIO, block: int, lines: NDArray[np.int64]) -> Codes:
        """The codes of `lines`, counted from the beginning of the block."""
        starts = self._index.starts
        file.seek(int(starts[block]))
        piece = file.read(int(starts[block + 1] - starts[block]) if block + 1 < len(starts) else -1)
        codes = code_points(piece if piece.endswith(b"\n") else piece + b"\n")
        found = split_lines(codes)
        chosen = found.kept[lines]
        begin, column = found.begin[chosen], np.arange(self.max_length)
        inside = column < (found.end[chosen] - begin)[:, None]
        texts = codes.take(begin[:, None] + column, mode="clip")
        return np.where(inside, texts, 0).astype(np.uint32)

    def _check(self, file: BinaryIO) -> None:
        if _stamp(file) != self._stamp:
            raise self._changed()

    def _changed(self) -> DataError:
        return DataError(f"{self.name} has changed while it was in use: start again with the file as it is now")


def _stamp(file: BinaryIO) -> tuple[int, int]:
    """What changes when a file is written: its size in bytes, and when it was last changed, in ns."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _is_stream(path: str | os.PathLike[str]) -> bool:
    """Whether `path` can be read only once: standard input, or a pipe."""
    return path == STANDARD_INPUT or Path(path).is_fifo()


def _spool(owner: NumbersFile, path: str | os.PathLike[str]) -> Path:
    """A temporary file with all of the stream; it goes when `owner` does.

    Where open files can be opened again through /proc (Linux), its own name is removed at once: not even a killed
    process leaves it behind.
    """
    import shutil
    import tempfile

    if path == STANDARD_INPUT and sys.stdin is None:
        raise SettingsError("standard input is closed: pipe the lines in, or name a file", SETTING)
    handle, name = tempfile.mkstemp(prefix="digitseq-", suffix=".txt")
    kept = Path(f"/proc/{os.getpid()}/fd/{handle}")  # with the number of this process: others open it, too
    named = not kept.exists()
    if not named:
        Path(name).unlink()
        weakref.finalize(owner, os.close, handle)
    else:
        kept = Path(name)
        weakref.finalize(owner, _remove, name, os.getpid())
    with open(handle, "wb", closefd=named) as file, contextlib.ExitStack() as opened:
        stream = sys.stdin.buffer if path == STANDARD_INPUT else opened.enter_context(open(path, "rb"))
        shutil.copyfileobj(stream, file)
    return kept


def _remove(name: str, process: int) -> None:
    # a forked worker has the owner too, and must leave the file to its parent
    if os.getpid() == process:
        Path(name).unlink(missing_ok=True)
