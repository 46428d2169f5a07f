"""Tiny idx files, made here."""

from __future__ import annotations

import gzip
import struct

import numpy as np

TYPE_CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}


def idx_bytes(array: np.ndarray, compress: bool = False) -> bytes:
    head = struct.pack(">BBBB", 0, 0, TYPE_CODES[array.dtype.name], array.ndim)
    data = head + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(array.dtype.newbyteorder(">")).tobytes()
    return gzip.compress(data) if compress else data
