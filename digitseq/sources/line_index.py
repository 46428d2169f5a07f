"""Where the lines of a text file begin, in one pass over it that does not hold the lines."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import SettingsError
from digitseq.options import MAX_TEXT

SETTING = "numbers_file"
BLOCK = 1024  # lines from one known beginning to the next
CHUNK = 1 << 22
MAX_BYTES = 4 * MAX_TEXT + 2  # of a line in UTF-8 with its end
BOM = b"\xef\xbb\xbf"
NEWLINE, RETURN, SPACE, DELETE = 10, 13, 32, 127


@dataclass(frozen=True, eq=False)
class LineIndex:
    """starts: int64 (⌈lines / BLOCK⌉,), the byte at which every BLOCK-th line begins, blank ones not counted

    characters: all that occur; longest: the first of the longest lines
    digest: sha256 of the lines as they stand there, hex
    """

    starts: NDArray[np.int64]
    lines: int
    characters: frozenset[str]
    longest: str
    digest: str


@dataclass(frozen=True, eq=False)
class TextLines:
    """The lines of a piece of a file: begin, end: int64 (n,), places in the piece, without the line end.

    kept: int64, those that are not blank (empty, or nothing but spaces and tabs)
    """

    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    kept: NDArray[np.int64]


def split_lines(codes: NDArray[Any]) -> TextLines:
    """The lines of `codes`, code points or bytes; the last of them must be a line end."""
    newline = np.flatnonzero(codes == NEWLINE)
    begin = np.concatenate([[0], newline[:-1] + 1])
    returned = (codes[newline - 1] == RETURN) & (newline > begin)
    kept = np.flatnonzero(np.maximum.reduceat(codes, begin) > SPACE)
    return TextLines(begin, newline - returned, kept)


def code_points(piece: bytes) -> NDArray[Any]:
    """Bytes in UTF-8 as code points: uint8 or uint32. Raises `UnicodeDecodeError`."""
    raw = np.frombuffer(piece, np.uint8)
    if raw.size == 0 or raw.max() < 128:
        return raw
    return np.frombuffer(piece.decode("utf-8").encode("utf-32-le"), "<u4")


def index_lines(file: BinaryIO, name: str) -> LineIndex:
    """The index of an open file, which errors call `name`.

    Raises `SettingsError`, with the number of the line, for a line of more than 255 characters, bytes that are
    not UTF-8, control characters; and for a file without any line.
    """
    scan = _Scan(name)
    for offset, piece in _pieces(file, scan):
        scan.add(offset, piece)
    if not scan.lines:
        raise SettingsError(f"{name} has no lines: give a file with a number in each line", SETTING)
    starts = np.concatenate(scan.starts)
    characters = frozenset(map(chr, np.flatnonzero(scan.seen))) | scan.wide
    return LineIndex(starts, scan.lines, characters, scan.longest, scan.digest.hexdigest())


def _pieces(file: BinaryIO, scan: _Scan) -> Iterator[tuple[int, bytes]]:
    """Pieces of whole lines, each with its place in the file."""
    offset = file.seek(len(BOM) if file.read(len(BOM)) == BOM else 0)
    rest = b""
    while chunk := file.read(CHUNK):
        chunk = rest + chunk
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield offset, chunk[:cut]
        offset, rest = offset + cut, chunk[cut:]
        if len(rest) > MAX_BYTES:
            raise scan.too_long(1)
    if rest:
        yield offset, rest + b"\n"


class _Scan:
    """What is known of the file so far."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.passed = 0  # all lines, blank ones too
        self.lines = 0
        self.starts: list[NDArray[np.int64]] = []
        self.seen = np.zeros(256, bool)
        self.wide: frozenset[str] = frozenset()
        self.longest = ""
        self.digest = hashlib.sha256()

    def add(self, offset: int, piece: bytes) -> None:
        try:
            codes = code_points(piece)
        except UnicodeDecodeError as error:
            line = self.passed + piece.count(b"\n", 0, error.start) + 1
            raise SettingsError(
                f"{self.name}, line {line:,}: byte 0x{piece[error.start]:02X} is not UTF-8: save the file as UTF-8",
                SETTING,
            ) from None
        self.digest.update(piece)
        lines = split_lines(codes)
        length = (lines.end - lines.begin)[lines.kept]
        if length.size:
            self._measure(codes, lines, length)
            self._note_characters(codes, lines)
            self._note_starts(offset, np.frombuffer(piece, np.uint8), lines)
        self.lines += len(lines.kept)
        self.passed += len(lines.begin)

    def too_long(self, line: int) -> SettingsError:
        """The error for line `line`, counted from 1 after the lines passed."""
        return SettingsError(
            f"{self.name}, line {self.passed + line:,}: more than {MAX_TEXT} characters, "
            f"at most {MAX_TEXT} are possible",
            SETTING,
        )

    def _measure(self, codes: NDArray[Any], lines: TextLines, length: NDArray[np.int64]) -> None:
        over = np.flatnonzero(length > MAX_TEXT)
        if over.size:
            raise self.too_long(int(lines.kept[over[0]]) + 1)
        if length.max() > len(self.longest):
            line = lines.kept[length.argmax()]
            self.longest = "".join(map(chr, codes[lines.begin[line] : lines.end[line]]))

    def _note_characters(self, codes: NDArray[Any], lines: TextLines) -> None:
        inside = np.ones(len(codes), bool)
        if len(lines.kept) < len(lines.begin):
            kept = np.zeros(len(lines.begin), bool)
            kept[lines.kept] = True
            inside = np.repeat(kept, np.diff(lines.begin, append=len(codes)))
        inside[lines.end] = False  # the line end's first character
        inside[np.append(lines.begin[1:], len(codes)) - 1] = False
        control = np.flatnonzero(inside & ((codes < SPACE) | (codes == DELETE)))
        if control.size:
            line = self.passed + int(np.searchsorted(lines.begin, control[0], side="right"))
            raise SettingsError(
                f"{self.name}, line {line:,}: control character U+{codes[control[0]]:04X}, which cannot be written",
                SETTING,
            )
        if codes.dtype == np.uint8:
            self.seen[codes[inside]] = True
        else:
            self.wide |= frozenset(map(chr, np.unique(codes[inside])))

    def _note_starts(self, offset: int, raw: NDArray[np.uint8], lines: TextLines) -> None:
        first = -self.lines % BLOCK
        chosen = lines.kept[first::BLOCK]
        # the line before the chosen one ends at a byte that is found again, as bytes and code points differ
        newline = np.flatnonzero(raw == NEWLINE)
        self.starts.append(offset + np.where(chosen == 0, 0, newline[chosen - 1] + 1))
