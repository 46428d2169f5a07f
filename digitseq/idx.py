"""Reading idx files, strictly.

The format: two zero bytes, a type code, the number of dimensions, each dimension as a big-endian uint32,
then the values (Y. LeCun, "The MNIST database", section "File formats").
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import DataError

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"


def parse_idx(data: bytes, name: str, dimensions: int) -> NDArray[Any]:
    """The array in `data` (raw or gzip), of exactly `dimensions` dimensions, in its own big-endian dtype.

    `name` is used in messages. Raises `DataError` for a wrong magic number, dimension count or length.
    """
    if data[:2] == _GZIP_MAGIC:
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{name}: damaged gzip data ({error})") from None
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES:
        raise DataError(f"{name}: not an idx file (it begins with {data[:4].hex(' ') or 'nothing'})")
    if data[3] != dimensions:
        raise DataError(f"{name}: expected {dimensions} dimensions, the file says {data[3]}")
    header = 4 + 4 * dimensions
    if len(data) < header:
        raise DataError(f"{name}: cut off in its header ({len(data)} bytes)")
    shape = struct.unpack_from(f">{dimensions}I", data, 4)
    dtype = np.dtype(_TYPES[data[2]])
    expected = header + math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        raise DataError(f"{name}: expected {expected:,} bytes for shape {shape}, got {len(data):,}")
    return np.frombuffer(data, dtype, offset=header).reshape(shape)
