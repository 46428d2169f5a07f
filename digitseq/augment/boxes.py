"""Ink boxes of many glyphs at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Boxes:
    """left, right, top, bottom: int64 (N,); right and bottom are one past the last inked pixel."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    top: NDArray[np.int64]
    bottom: NDArray[np.int64]


def ink_box(cells: NDArray[np.uint8]) -> Boxes:
    """The boxes of all non-zero pixels of each cell (N, h, w), w a multiple of 8; every cell must have some ink."""
    words = cells.view(np.uint64)  # eight pixels at a time
    rows = np.zeros(words.shape[:2], np.uint64)
    for k in range(words.shape[2]):
        rows |= words[:, :, k]
    while (height := words.shape[1]) > 1:  # the lower half onto the upper one
        half = (height + 1) // 2
        folded = words[:, :half].copy()
        folded[:, : height - half] |= words[:, half:]
        words = folded
    columns = words.view(np.uint8)[:, 0] != 0
    rows = rows != 0
    return Boxes(
        columns.argmax(axis=1),
        columns.shape[1] - columns[:, ::-1].argmax(axis=1),
        rows.argmax(axis=1),
        rows.shape[1] - rows[:, ::-1].argmax(axis=1),
    )


def inside_box(boxes: Boxes, height: int, width: int) -> NDArray[np.bool_]:
    """bool (N, height, width): true inside each glyph's box."""
    y, x = np.arange(height), np.arange(width)
    rows = (y >= boxes.top[:, None]) & (y < boxes.bottom[:, None])
    columns = (x >= boxes.left[:, None]) & (x < boxes.right[:, None])
    inside: NDArray[np.bool_] = rows[:, :, None] & columns[:, None, :]
    return inside
