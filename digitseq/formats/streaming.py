"""Files that are sent piece by piece."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import zipfile

PIECE = 1 << 20  # bytes


class OutputBuffer(io.RawIOBase):
    """A write-only file whose contents are taken out again and again, to be sent: memory use stays small."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        self.size += len(self._pieces[-1])
        return len(self._pieces[-1])

    def drain(self) -> bytes:
        """All bytes since the last call."""
        pieces, self._pieces, self.size = self._pieces, [], 0
        return b"".join(pieces)


def zip_entry(name: str, mode: int) -> zipfile.ZipInfo:
    """A zip member with the permissions `mode`, and nothing that differs between two machines or two days."""
    import zipfile  # the command line starts sooner without

    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))  # the earliest time that zip knows
    entry.create_system = 3  # Unix, also where Windows writes it
    entry.external_attr = mode << 16
    return entry


def file_pieces(file: IO[bytes]) -> Iterator[bytes]:
    """What is left to read of an open file, in pieces of 1 MiB."""
    while piece := file.read(PIECE):
        yield piece
