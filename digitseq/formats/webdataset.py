"""WebDataset: tar files in which the members of a sample, `<key>.png`, `.txt` and `.json`, follow each other.

The archive is POSIX.1-1988 ustar (IEEE Std 1003.1, "pax", "ustar Interchange Format"). It has no times, owners or
anything else that differs between two runs.
"""

from __future__ import annotations

import tarfile
from collections.abc import Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.formats.png_encoder import encode_png
from digitseq.formats.shards import Batches, ShardFormat
from digitseq.labels.objects import object_lines

BLOCK = tarfile.BLOCKSIZE
KEY_DIGITS = 12
_CHECKSUM, _SIZE = slice(148, 154), slice(124, 135)
_PADDING = [b"\0" * n for n in range(BLOCK)]


class OutputFormat(ShardFormat):
    """See `Format`."""

    format_name, digits, suffix = "webdataset", 6, "tar"

    def pieces(self, batches: Batches, start: int, stop: int) -> Generator[bytes, None, None]:
        """A tar file, a batch at a time."""
        size = 0
        for batch in batches(start, stop):
            members = {
                b".png": encode_png(batch.images, batch.width),
                b".txt": [text.encode() for text in batch.texts],
                b".json": object_lines(batch),
            }
            piece = tar_bytes(np.arange(batch.start + 1, batch.start + 1 + len(batch)), members)
            yield piece
            size += len(piece)
        end = 2 * BLOCK
        yield bytes(end + -(size + end) % tarfile.RECORDSIZE)  # archives are filled up to whole records


def tar_bytes(numbers: NDArray[np.int64], members: dict[bytes, list[bytes]]) -> bytes:
    """A piece of an archive: for each of B `numbers` one member per suffix; `members[suffix]` has B files."""
    # header, file and padding of each member in turn; filled column by column, as Python is slow member by member
    pieces: list[Any] = [None] * (3 * len(members) * len(numbers))
    for place, (suffix, files) in enumerate(members.items()):
        sizes = np.array([len(data) for data in files])
        headers = tar_headers(numbers, sizes, suffix).tobytes()
        first, step = 3 * place, 3 * len(members)
        pieces[first::step] = [headers[i : i + BLOCK] for i in range(0, len(headers), BLOCK)]
        pieces[first + 1 :: step] = files
        pieces[first + 2 :: step] = [_PADDING[n] for n in (-sizes % BLOCK).tolist()]
    return b"".join(pieces)


def tar_headers(numbers: NDArray[np.int64], sizes: NDArray[np.int64], suffix: bytes) -> NDArray[np.uint8]:
    """uint8 (B, 512): the headers of members called number + `suffix`; sizes in bytes."""
    # tarfile would take longer for one header than all else does for a sample: it makes one, with 0 for all numbers
    header = tarfile.TarInfo("0" * KEY_DIGITS + suffix.decode()).tobuf(tarfile.USTAR_FORMAT)
    headers = np.tile(np.frombuffer(header, np.uint8), (len(numbers), 1))
    key, size = _digits(numbers, 10, KEY_DIGITS), _digits(sizes, 8, 11)
    headers[:, :KEY_DIGITS], headers[:, _SIZE] = key, size
    # the checksum is the sum of all bytes, so it grows as these digits do
    total = int(header[_CHECKSUM], 8) + (key - ord("0")).sum(axis=1) + (size - ord("0")).sum(axis=1)
    headers[:, _CHECKSUM] = _digits(total.astype(np.int64), 8, 6)
    return headers


def _digits(values: NDArray[np.int64], base: int, count: int) -> NDArray[np.uint8]:
    """uint8 (B, count): the values as ASCII digits in `base`, with leading zeros."""
    powers = base ** np.arange(count - 1, -1, -1)
    digits: NDArray[np.uint8] = (values[:, None] // powers % base + ord("0")).astype(np.uint8)
    return digits
