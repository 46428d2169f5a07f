"""Grayscale PNG files around ISA-L's deflate (W3C, "Portable Network Graphics (PNG) Specification", 3rd ed.)."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from digitseq.composer import scanlines
from digitseq.lazy_imports import import_package

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LEVEL = 0  # ISA-L's fastest, six times as fast as cv2.imencode; its files are about a tenth larger


def encode_png(images: NDArray[np.uint8], width: NDArray[np.int64]) -> list[bytes]:
    """One PNG file each: images uint8 (B, H, W), of which image b uses its first width[b] columns.

    Raises `MissingPackageError` where the package isal cannot be loaded.
    """
    isal_zlib = import_package("isal.isal_zlib", "writing PNG files")
    height, full = images.shape[1:]
    rows = scanlines(images)
    files = []
    for image, w in zip(rows, width.tolist()):
        # a whole image is compressed where it stands, a narrower one needs its rows moved together
        data = isal_zlib.compress(image if w == full else image[:, : w + 1].tobytes(), _LEVEL)
        crc = isal_zlib.crc32(data, _IDAT_CRC)
        parts = (_head(w, height), len(data).to_bytes(4, "big"), b"IDAT", data, crc.to_bytes(4, "big"), _END)
        files.append(b"".join(parts))
    return files


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


_END = _chunk(b"IEND", b"")
_IDAT_CRC = zlib.crc32(b"IDAT")


@lru_cache(maxsize=1024)
def _head(width: int, height: int) -> bytes:
    """Signature and IHDR: 8 bits a pixel, grayscale, deflate, adaptive filtering, no interlace."""
    return SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
