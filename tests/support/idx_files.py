"""Tiny idx files, made here."""

from __future__ import annotations

import gzip
import struct
import tempfile
from pathlib import Path

import numpy as np

from digitseq.glyphs.idx import open_idx

TYPE_CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}


def idx_bytes(array: np.ndarray, compress: bool = False) -> bytes:
    head = struct.pack(">BBBB", 0, 0, TYPE_CODES[array.dtype.name], array.ndim)
    data = head + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(array.dtype.newbyteorder(">")).tobytes()
    return gzip.compress(data) if compress else data


def parse_idx(data: bytes, name: str, dimensions: int, count: int = 1000) -> np.ndarray:
    """The array of an idx file `name` with these bytes, read in pieces of `count` items."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        with open_idx(path, (dimensions,)) as file:
            return np.concatenate([np.empty((0, *file.shape[1:]), file.dtype), *file.pieces(count)])
