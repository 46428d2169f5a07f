"""Files of named arrays that are opened by memory map.

A file consists of a magic line, the length of a JSON header (8 bytes, little-endian), the header, the arrays aligned to
64 bytes, and the CRC-32 of all that (4 bytes, little-endian).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import DataError
from digitseq.files.atomic import replacing
from digitseq.lazy_imports import import_package

ALIGNMENT = 64


def write_arrays(path: Path, magic: bytes, about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write `arrays` and what `about` says of them to `path` atomically. Raises `OSError`."""
    layout, end = {}, 0
    body: list[Any] = []
    for name, given in arrays.items():
        array = np.ascontiguousarray(given)
        padding = bytes(-array.nbytes % ALIGNMENT)
        layout[name] = [array.dtype.str, array.shape, end]
        body += [array.reshape(-1).view(np.uint8), padding]
        end += array.nbytes + len(padding)
    header = json.dumps({**about, "arrays": layout}).encode()
    header += b" " * (-(len(magic) + 8 + len(header)) % ALIGNMENT)
    crc = 0
    with replacing(path) as file:
        for piece in (magic, len(header).to_bytes(8, "little"), header, *body):
            file.write(piece)
            crc = _crc32(piece, crc)
        file.write(crc.to_bytes(4, "little"))


def read_arrays(path: Path, magic: bytes, digest: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What `write_arrays` was given, memory-mapped, after the checksum was verified. digest: what `about` must have.

    Raises `DataError` when the file is damaged, truncated, or made from other source files than those of `digest`;
    `OSError` when it cannot be read.
    """
    # An empty file cannot be mapped. Neither is a pipe opened, which would wait for somebody to write: its size is 0.
    raw = np.memmap(path, np.uint8, mode="r") if path.stat().st_size else np.empty(0, np.uint8)
    if raw[: len(magic)].tobytes() != magic:
        raise DataError(f"{path} is not a glyph bank of this version")
    if _crc32(raw[:-4].data) != int.from_bytes(raw[-4:].tobytes(), "little"):
        raise DataError(f"{path} is damaged (its checksum is wrong)")
    try:
        size = int.from_bytes(raw[len(magic) :][:8].tobytes(), "little")
        body = len(magic) + 8 + size
        header = json.loads(raw[len(magic) + 8 : body].tobytes())
        if header["digest"] != digest:
            raise DataError(f"{path} was made from other source files")
        arrays = {}
        for name, (dtype, shape, offset) in header["arrays"].items():
            # frombuffer: a slice of a memmap is a memmap again, and indexing that is a microsecond slower
            arrays[name] = np.frombuffer(raw, dtype, math.prod(shape), body + offset).reshape(shape)
        return header, arrays
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged ({error})") from None


def _crc32(data: Any, before: int = 0) -> int:
    # ISA-L's, at 10 GB a second: a whole bank can be verified each time it is opened.
    return int(import_package("isal.isal_zlib", "the glyph cache").crc32(data, before))
