"""Reads the pictures of a folder that `Background` uses as paper."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from digitseq.augment.base import Pixels, opencv
from digitseq.errors import SettingsError

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff", ".webp")
PICTURE = (256, 512)  # height and width to which pictures are scaled and cut
MOST_PICTURES = 1000  # the first by name: 128 kB of memory each


def read_pictures(folder: Path) -> Pixels:
    """uint8 (N, 256, 512): darkness of the first 1,000 pictures of a folder, by name.

    Raises `SettingsError` when the folder cannot be read, has no pictures or has one that is damaged.
    """
    try:
        files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    except OSError as error:
        raise SettingsError(f"background: folder {folder} cannot be read ({error.strerror})", "folder") from None
    if not files:
        kinds = ", ".join(suffix[1:] for suffix in SUFFIXES)
        raise SettingsError(f"background: folder {folder} has no pictures ({kinds})", "folder")
    return np.stack([_read(path) for path in files[:MOST_PICTURES]])


def _read(path: Path) -> Pixels:
    """uint8 (256, 512): darkness of the picture, scaled to cover that size and cut around its middle."""
    cv = opencv()
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        picture = cv.imdecode(data, cv.IMREAD_GRAYSCALE) if data.size else None
    except OSError as error:
        raise SettingsError(f"background: picture {path} cannot be read ({error.strerror})", "folder") from None
    except cv.error:
        picture = None
    if picture is None:
        raise SettingsError(f"background: {path} is not a picture that OpenCV can read", "folder")
    factor = max(wanted / given for wanted, given in zip(PICTURE, picture.shape))
    height, width = (max(round(given * factor), wanted) for wanted, given in zip(PICTURE, picture.shape))
    scaled: Pixels = cv.resize(picture, (width, height), interpolation=cv.INTER_AREA if factor < 1 else cv.INTER_LINEAR)
    top, left = (height - PICTURE[0]) // 2, (width - PICTURE[1]) // 2
    return ~scaled[top : top + PICTURE[0], left : left + PICTURE[1]]
