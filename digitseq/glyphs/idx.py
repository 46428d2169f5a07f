"""Reading idx files, strictly, whole or piece by piece.

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
_LARGEST_RATIO = 1032  # DEFLATE packs no 1,033 bytes into one: a copy of 258 takes two bits
_READ_BYTES = 1 << 24  # a header may promise any length: memory is taken for what is there


@dataclass(frozen=True)
class IdxFile:
    """An open idx file behind its header. `name` is used in messages."""

    stream: BinaryIO
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Bytes of the whole file, unpacked."""
        return 4 + 4 * len(self.shape) + math.prod(self.shape) * self.dtype.itemsize

    def pieces(self, count: int) -> Iterator[NDArray[Any]]:
        """The array in pieces of `count` items of its first dimension, in its own big-endian dtype; once.

        Raises `DataError` where the file is damaged, ends early, or goes on behind its last item.
        """
        item = math.prod(self.shape[1:]) * self.dtype.itemsize
        expected, found = self.size, 4 + 4 * len(self.shape)
        for first in range(0, self.shape[0], count):
            items = min(count, self.shape[0] - first)
            data = self._read(items * item)
            found += len(data)
            if len(data) < items * item:
                raise DataError(f"{self.name}: expected {expected:,} bytes for shape {self.shape}, got {found:,}")
            yield np.frombuffer(data, self.dtype).reshape(items, *self.shape[1:])
        if self._read(1):
            raise DataError(f"{self.name}: expected {expected:,} bytes for shape {self.shape}, got more")

    def whole(self) -> NDArray[Any]:
        """The whole array."""
        item = math.prod(self.shape[1:]) * self.dtype.itemsize
        pieces = list(self.pieces(max(_READ_BYTES // max(item, 1), 1)))
        return np.concatenate(pieces) if pieces else np.empty(self.shape, self.dtype)

    def _read(self, size: int) -> bytes:
        parts = []
        while size and (part := _read(self.stream, min(size, _READ_BYTES), self.name)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


@contextlib.contextmanager
def open_idx(source: Path | bytes, name: str, dimensions: tuple[int, ...]) -> Iterator[IdxFile]:
    """The idx file `source` (raw or gzip), of one of the numbers of `dimensions`.

    Raises `DataError` for a wrong magic number, dimension count or length, `OSError` when it cannot be read.
    """
    with contextlib.ExitStack() as stack:
        file: BinaryIO = io.BytesIO(source) if isinstance(source, bytes) else stack.enter_context(open_regular(source))
        packed = file.read(2) == _GZIP_MAGIC
        most = file.seek(0, io.SEEK_END) * (_LARGEST_RATIO if packed else 1)
        file.seek(0)
        if packed:
            file = stack.enter_context(gzip.GzipFile(fileobj=file))  # type: ignore[assignment]  # typeshed knows no kinship
        shape, dtype = _header(file, name, dimensions)
        opened = IdxFile(file, name, shape, dtype)
        if opened.size > most or (not packed and opened.size < most):
            got = f"at most {most:,}" if packed else f"{most:,}"
            raise DataError(f"{name}: expected {opened.size:,} bytes for shape {shape}, got {got}")
        yield opened


def parse_idx(data: bytes, name: str, dimensions: int) -> NDArray[Any]:
    """The array in `data` (raw or gzip), of exactly `dimensions` dimensions, in its own big-endian dtype.

    `name` is used in messages. Raises `DataError` for a wrong magic number, dimension count or length.
    """
    with open_idx(data, name, (dimensions,)) as file:
        return file.whole()


def _header(stream: BinaryIO, name: str, dimensions: tuple[int, ...]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    magic = _read(stream, 4, name)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES:
        raise DataError(f"{name}: not an idx file (it begins with {magic.hex(' ') or 'nothing'})")
    if magic[3] not in dimensions:
        wanted = " or ".join(map(str, dimensions))
        raise DataError(f"{name}: expected {wanted} dimensions, the file says {magic[3]}")
    lengths = _read(stream, 4 * magic[3], name)
    if len(lengths) < 4 * magic[3]:
        raise DataError(f"{name}: cut off in its header ({4 + len(lengths)} bytes)")
    return struct.unpack(f">{magic[3]}I", lengths), np.dtype(_TYPES[magic[2]])


def _read(stream: BinaryIO, size: int, name: str) -> bytes:
    try:
        return stream.read(size)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{name}: damaged gzip data ({error})") from None
