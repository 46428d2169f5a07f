"""Grayscale PNG files around ISA-L's deflate (W3C, "Portable Network Graphics (PNG) Specification", 3rd ed.)."""

from __future__ import annotations

import struct
from functools import lru_cache

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LEVEL = 0  # ISA-L's fastest, six times as fast as cv2.imencode; its files are about a tenth larger


def encode_png(images: NDArray[np.uint8], width: NDArray[np.int64]) -> list[bytes]:
    """One PNG file each: images uint8 (B, H, W), of which image b uses its first width[b] columns."""
    count, height, full = images.shape
    rows = np.zeros((count, height, full + 1), np.uint8)  # byte 0 of every row: filter type 0, none
    rows[:, :, 1:] = images
    # a contiguous image is compressed where it stands, a narrower one needs its rows moved together
    used = (rows[b] if w == full else rows[b, :, : w + 1].tobytes() for b, w in enumerate(width.tolist()))
    return [_file(scanlines, w, height) for scanlines, w in zip(used, width.tolist())]


def _file(scanlines: bytes | NDArray[np.uint8], width: int, height: int) -> bytes:
    data = isal_zlib.compress(scanlines, _LEVEL)
    crc = isal_zlib.crc32(data, isal_zlib.crc32(b"IDAT"))
    return b"%b%b%b%b%b" % (
        _head(width, height),
        len(data).to_bytes(4, "big"),
        b"IDAT",
        data,
        crc.to_bytes(4, "big") + _END,
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", isal_zlib.crc32(kind + data))


_END = _chunk(b"IEND", b"")


@lru_cache(maxsize=1024)
def _head(width: int, height: int) -> bytes:
    """Signature and IHDR: 8 bits a pixel, grayscale, deflate, adaptive filtering, no interlace."""
    return _SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
