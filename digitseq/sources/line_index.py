"""Where the lines of a text file begin, from one pass over it that does not keep the lines."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import SettingsError
from digitseq.options import MAX_TEXT

SETTING = "numbers_file"
BLOCK = 1024  # lines from one recorded position to the next
CHUNK = 1 << 22  # bytes
MAX_BYTES = 4 * MAX_TEXT + 2  # of a line in UTF-8 with its end
BOM = b"\xef\xbb\xbf"
BLANK = " \t\r"  # no part of a text at its ends: no image can show them; a line of nothing else is skipped
ENCODING = ("utf-8", "surrogateescape")  # bytes that are not UTF-8 become code points that no file can hold
CONTROL = frozenset(map(chr, [*range(32), 127]))
REFUSED = CONTROL | frozenset(map(chr, range(0xDC80, 0xDD00)))


@dataclass(frozen=True, eq=False)
class LineIndex:
    """starts: int64 (⌈lines / BLOCK⌉,), the byte at which every BLOCK-th line begins, not counting blank lines

    characters: all that occur; longest: the first of the longest lines
    digest: sha256 of the lines as they are in the file, hex
    """

    starts: NDArray[np.int64]
    lines: int
    characters: frozenset[str]
    longest: str
    digest: str


def split_lines(piece: bytes) -> list[str]:
    """The lines of `piece` without their ends and the blanks around them; a line that is blank is empty."""
    text = piece.removesuffix(b"\n").decode(*ENCODING)
    lines = text.split("\n")
    return [line.strip(BLANK) for line in lines] if any(blank in text for blank in BLANK) else lines


def index_lines(file: BinaryIO, name: str) -> LineIndex:
    """The index of an open file, which errors call `name`.

    Raises `SettingsError`, with the number of the line, for a line of more than 255 characters, bytes that are
    not UTF-8, control characters; and for a file without any line.
    """
    digest, starts, characters, longest = hashlib.sha256(), [], frozenset[str](), ""
    passed = found = 0  # lines so far: all, and those that are not blank
    for offset, piece in _pieces(file):
        digest.update(piece)
        # without an end it is a part of a line that is too long, and blanks at its ends may be inside the line
        lines = split_lines(piece) if piece.endswith(b"\n") else [piece.decode(*ENCODING)]
        kept = [n for n, line in enumerate(lines) if line]
        texts = lines if len(kept) == len(lines) else [lines[n] for n in kept]
        characters |= set("".join(texts))
        longest = max([longest, *texts], key=len)
        if len(longest) > MAX_TEXT or not characters.isdisjoint(REFUSED):
            number, fault = next((passed + 1 + n, fault) for n in kept if (fault := _fault(lines[n])))
            raise SettingsError(f"{name}, line {number:,}: {fault}", SETTING)
        # found in the bytes, as a character can be several of them
        begin = np.flatnonzero(np.frombuffer(b"\n" + piece[:-1], np.uint8) == ord("\n"))
        starts.append(offset + begin[kept[-found % BLOCK :: BLOCK]])
        passed, found = passed + len(lines), found + len(kept)
    if not found:
        raise SettingsError(f"{name} has no lines: give a file with a number in each line", SETTING)
    return LineIndex(np.concatenate(starts), found, characters, longest, digest.hexdigest())


def _pieces(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Pieces of whole lines, each with its position in the file; the last line gets an end if it has none."""
    offset = file.seek(len(BOM) if file.read(len(BOM)) == BOM else 0)
    rest = b""
    while chunk := file.read(CHUNK):
        chunk = rest + chunk
        # a line that is too long is refused before it fills the memory
        cut = chunk.rfind(b"\n") + 1 or len(chunk) * (len(chunk) > MAX_BYTES)
        if cut:
            yield offset, chunk[:cut]
        offset, rest = offset + cut, chunk[cut:]
    if rest:
        yield offset, rest + b"\n"


def _fault(line: str) -> str | None:
    """Why a line cannot be written; None if it can."""
    if len(line) > MAX_TEXT:
        return f"more than {MAX_TEXT} characters, at most {MAX_TEXT} are possible"
    character = next((c for c in line if c in REFUSED), None)
    if character in CONTROL:
        return f"control character U+{ord(character):04X}, which cannot be written"
    return character and f"byte 0x{character.encode(*ENCODING).hex().upper()} is not UTF-8: save the file as UTF-8"
