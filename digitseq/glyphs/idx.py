"""A strict reader of idx files, in pieces.

The format: two zero bytes, a type code, the number of dimensions, each dimension as a big-endian uint32,
then the values (Y. LeCun, "The MNIST database", section "File formats").
"""

from __future__ import annotations

import contextlib
import gzip
import io
import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import DataError
from digitseq.files.regular import open_regular

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_MAX_DEFLATE_RATIO = 1032  # DEFLATE's limit: a copy of 258 bytes takes at least two bits


@dataclass(frozen=True)
class IdxFile:
    """An open idx file whose header has been read."""

    stream: BinaryIO
    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Bytes of the whole file, uncompressed."""
        return 4 + 4 * len(self.shape) + math.prod(self.shape) * self.dtype.itemsize

    def pieces(self, count: int) -> Iterator[NDArray[Any]]:
        """The array in pieces of `count` items of its first dimension, in its own big-endian dtype. Can be read once.

        Each piece is allocated before it is read: `count` has to bound its size.

        Raises `DataError` for damaged data, and for a file that is shorter or longer than its header says.
        """
        item = math.prod(self.shape[1:]) * self.dtype.itemsize
        for first in range(0, self.shape[0], count):
            items = min(count, self.shape[0] - first)
            data = _read(self.stream, items * item, self.path)
            if len(data) < items * item:
                raise self._wrong_size("fewer")
            yield np.frombuffer(data, self.dtype).reshape(items, *self.shape[1:])
        if _read(self.stream, 1, self.path):
            raise self._wrong_size("more")

    def _wrong_size(self, found: str) -> DataError:
        return DataError(f"{self.path}: expected {self.size:,} bytes for shape {self.shape}, got {found}")


@contextlib.contextmanager
def open_idx(path: Path, dimensions: tuple[int, ...]) -> Iterator[IdxFile]:
    """The idx file `path`, raw or gzip. dimensions: the numbers of dimensions that are accepted.

    Raises `DataError` for a wrong magic number, dimension count or length, `OSError` when it cannot be read.
    """
    with contextlib.ExitStack() as stack:
        file: BinaryIO = stack.enter_context(open_regular(path))
        compressed = file.read(2) == _GZIP_MAGIC
        max_size = file.seek(0, io.SEEK_END) * (_MAX_DEFLATE_RATIO if compressed else 1)
        file.seek(0)
        if compressed:
            file = stack.enter_context(gzip.GzipFile(fileobj=file))  # type: ignore[assignment]  # no BinaryIO in typeshed
        opened = IdxFile(file, path, *_header(file, path, dimensions))
        # Refuse a false header before anybody allocates memory for what it promises.
        if opened.size > max_size or (not compressed and opened.size < max_size):
            raise opened._wrong_size(f"at most {max_size:,}" if compressed else f"{max_size:,}")
        yield opened


def _header(stream: BinaryIO, path: Path, dimensions: tuple[int, ...]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    magic = _read(stream, 4, path)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES:
        raise DataError(f"{path}: not an idx file (it begins with {magic.hex(' ') or 'nothing'})")
    if magic[3] not in dimensions:
        wanted = " or ".join(map(str, dimensions))
        raise DataError(f"{path}: expected {wanted} dimensions, the file says {magic[3]}")
    lengths = _read(stream, 4 * magic[3], path)
    if len(lengths) < 4 * magic[3]:
        raise DataError(f"{path}: truncated header ({4 + len(lengths)} bytes)")
    return struct.unpack(f">{magic[3]}I", lengths), np.dtype(_TYPES[magic[2]])


def _read(stream: BinaryIO, size: int, path: Path) -> bytes:
    try:
        return stream.read(size)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: damaged gzip data ({error})") from None
