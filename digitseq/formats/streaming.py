"""Files that are sent piece by piece."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import zipfile

PIECE = 1 << 20  # bytes


class OutputBuffer(io.BytesIO):
    """A file whose contents are taken out again and again, to be sent: memory use stays small."""

    def tell(self) -> int:
        """Raises `OSError`: zipfile must not go back to what has been sent, and counts itself."""
        raise io.UnsupportedOperation("tell")

    def drain(self) -> bytes:
        """All bytes since the last call; the buffer is empty then."""
        data = self.getvalue()
        self.seek(0)
        self.truncate()
        return data


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
