"""Image files as they are read back: whether they are whole, their size, their pixels."""

from __future__ import annotations

import math
import struct

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from digitseq.formats.png_encoder import SIGNATURE

MAX_PIXELS = 1 << 26  # that are decoded


def image_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels of an image file. Raises `ValueError` that says what is wrong with a damaged one.

    The checksums of a PNG file show damage without decompressing it, which would take ten times as long.
    """
    if not data.startswith(SIGNATURE):
        height, width = image_pixels(data).shape
        return width, height
    place = len(SIGNATURE)
    while len(data) >= place + 12:
        size, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + size
        if end > len(data):
            break
        if isal_zlib.crc32(data[place + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise ValueError("the PNG file is damaged: a checksum is wrong")
        if kind == b"IEND":
            width, height = struct.unpack_from(">II", data, len(SIGNATURE) + 8)
            return width, height
        place = end
    raise ValueError("the PNG file is cut off")


def image_pixels(data: bytes) -> NDArray[np.uint8]:
    """The gray pixels of an image file, uint8 (H, W). Raises `ValueError` when it cannot be decoded."""
    if data.startswith(SIGNATURE) and math.prod(struct.unpack_from(">II", data.ljust(24), 16)) > MAX_PIXELS:
        raise ValueError("the image is too large to be decoded")
    from digitseq.augment.base import opencv  # runs, which read no images, start sooner without

    cv2 = opencv()
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) if data else None
    if pixels is None:
        raise ValueError("not an image file, or a damaged one")
    return np.asarray(pixels, np.uint8)
