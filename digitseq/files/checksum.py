"""Sizes and checksums of files, to tell whether they are still what was written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from isal import isal_zlib

from digitseq.files.regular import open_regular

PIECE = 1 << 20  # bytes read at once


class Checksum(NamedTuple):
    """size: bytes; crc32: their CRC-32."""

    size: int
    crc32: int


def checksum(paths: Iterable[Path]) -> Checksum:
    """That of the regular files `paths`, concatenated. Raises `OSError`."""
    size = crc32 = 0
    for path in paths:
        with open_regular(path) as file:
            while data := file.read(PIECE):
                size, crc32 = size + len(data), isal_zlib.crc32(data, crc32)
    return Checksum(size, crc32)
