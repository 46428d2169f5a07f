"""Glyphs as columns of pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digitseq.glyphs.ink_extent import ink_box

Numbers = NDArray[np.int64]


class GlyphColumns(NamedTuple):
    """Glyphs as columns of pixels.

    columns: uint8 (T, height); start, width, top, bottom: integers (N,): the ink of glyph g is in
    columns[start[g] : start[g] + width[g]] and in rows top[g] … bottom[g]-1
    """

    columns: NDArray[np.uint8]
    start: NDArray[Any]
    width: NDArray[Any]
    top: NDArray[Any]
    bottom: NDArray[Any]


def drawn_columns(
    groups: Sequence[tuple[Numbers, int]], height: int, draw: Callable[[Numbers, NDArray[np.uint8]], None]
) -> tuple[GlyphColumns, Numbers]:
    """N glyphs as they are drawn, and how many columns of each image are left of its ink, (N,).

    groups: the numbers of glyphs whose images are drawn together, and how wide these are
    draw: given such numbers (n,), it draws their glyphs into images (n, width, height), column by column
    A glyph without ink has a width of 0.
    """
    columns = np.empty((sum(len(some) * wide for some, wide in groups), height), np.uint8)
    boxes, start = np.zeros((5, sum(len(some) for some, _ in groups)), np.int64), 0
    for some, wide in groups:
        end = start + len(some) * wide
        images = columns[start:end].reshape(len(some), wide, height)
        draw(some, images)
        left, right, top, bottom = ink_box(images)
        boxes[:, some] = np.arange(start, end, wide) + left, right - left, top, bottom, left
        start = end
    return GlyphColumns(columns, *boxes[:4]), boxes[4]
