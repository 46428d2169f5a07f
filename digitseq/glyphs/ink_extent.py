"""Images that lie in memory column by column, (N, W, H): where their ink is, and glyphs that are drawn into them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from digitseq.glyphs.glyph_columns import GlyphColumns

Numbers = NDArray[np.int64]


def ink_box(images: NDArray[np.uint8]) -> Numbers:
    """int64 (4, N): left, right, top, bottom of the ink of each image (N, W, H).

    Right and bottom are one past the last pixel; all are zero for an image without ink.
    """
    columns = inked_columns(images)
    return np.array([*ends(columns), *ends(inked_rows(images))]) * columns.any(axis=1)


def inked_columns(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """bool (N, W): which columns of images (N, W, H) have ink."""
    words = images.view(f"u{math.gcd(images.shape[2], 8)}")  # several pixels at a time
    # several times faster than reducing along an axis
    combined = words[:, :, 0].copy()
    for k in range(1, words.shape[2]):
        combined |= words[:, :, k]
    inked: NDArray[np.bool_] = combined != 0
    return inked


def inked_rows(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """bool (N, H): which rows of images (N, W, H) have ink."""
    while (wide := images.shape[1]) > 1:  # halves are faster to combine than columns
        half = (wide + 1) // 2
        images = images[:, :half] | images[:, wide - half :]
    inked: NDArray[np.bool_] = images[:, 0] != 0
    return inked


def ends(inked: NDArray[np.bool_]) -> tuple[Numbers, Numbers]:
    """int64 (N,) each: the first true of every row, and one past the last."""
    return inked.argmax(axis=1), inked.shape[1] - inked[:, ::-1].argmax(axis=1)


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
