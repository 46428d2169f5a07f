"""Ink boxes of many glyphs at once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Outline
from digitseq.composer import FEW
from digitseq.glyphs.scaled_bank import Bank, ScaledBank


def ink_box(cells: NDArray[np.uint8], turned: bool = False) -> NDArray[np.int64]:
    """left, right, top, bottom of the non-zero pixels of each cell (N, h, w): int64 (4, N).

    Right and bottom are one past the last pixel; all are zero for a cell without ink. turned: cells are (N, w, h)
    """
    words = cells.view(f"u{math.gcd(cells.shape[2], 8)}")  # up to eight pixels at a time
    if len(cells) <= FEW:
        rows = np.bitwise_or.reduce(words, axis=2) != 0
        columns = np.bitwise_or.reduce(words, axis=1).view(np.uint8) != 0
    else:
        rows, columns = _inked(words)
    first = [inked.argmax(axis=1) for inked in (columns, rows)]
    end = [inked.shape[1] - inked[:, ::-1].argmax(axis=1) for inked in (columns, rows)]
    box: NDArray[np.int64] = np.stack([first[0], end[0], first[1], end[1]]) * rows.any(axis=1)
    return box[[2, 3, 0, 1]] if turned else box


def _inked(words: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows and which columns of many cells have ink: several times faster than reducing along an axis."""
    rows = words[:, :, 0].copy()
    for k in range(1, words.shape[2]):
        rows |= words[:, :, k]
    while (height := words.shape[1]) > 1:  # fold the lower half onto the upper one, with a row of both if odd
        half = (height + 1) // 2
        words = words[:, :half] | words[:, height - half :]
    return rows != 0, words.view(np.uint8)[:, 0] != 0


def between(first: NDArray[np.int64], end: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """uint8 (…, size): 255 at the indices from `first` to before `end`, 0 elsewhere."""
    place = np.arange(size)
    # a bit mask: combining masks with & and | is several times as fast as np.where
    return np.negative(((place >= first[..., None]) & (place < end[..., None])).view(np.uint8))


def outlines(bank: Bank, glyph: NDArray[np.int64]) -> Outline:
    """The highest and lowest inked pixel of every column of glyphs (N,): they contain the convex hull."""
    if isinstance(bank, ScaledBank):
        # to enlarge positions is exact enough for an outline, and takes a fraction of what enlarging glyphs does
        factor = bank.factors(glyph)[:, None]
        return enlarged(outlines(bank.base, glyph) * factor[:, :, None], (factor - 1) / 2)
    wide = bank.width[glyph].astype(np.int64)[:, None]
    column = np.minimum(np.arange(wide.max()), wide - 1)
    inked = bank.columns[bank.start[glyph][:, None] + column] != 0
    column = np.where(inked.any(axis=2), column, 0)  # empty columns repeat the first one, which has ink
    inked = np.take_along_axis(inked, column[:, :, None], axis=1)
    top, bottom = inked.argmax(axis=2), bank.height - 1 - inked[:, :, ::-1].argmax(axis=2)
    x, middle = column - (wide - 1) / 2, (bank.height - 1) / 2
    return np.concatenate([np.stack([x, y - middle], axis=1) for y in (top, bottom)], axis=2)


def enlarged(points: Outline, outward: NDArray[np.float64]) -> Outline:
    """Outlines scaled so that their boxes grow by `outward`, (N, 1 or 2) pixels in x and y, on each side."""
    low, high = points.min(axis=2, keepdims=True), points.max(axis=2, keepdims=True)
    half = np.maximum((high - low) / 2, 0.5)
    middle = (low + high) / 2
    factor = np.maximum(1 + outward[:, :, None] / half, 0)
    larger: Outline = middle + (points - middle) * factor
    return larger
