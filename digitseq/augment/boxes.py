"""Masks and outlines of many glyphs at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Outline
from digitseq.glyphs.scaled_bank import Bank, ScaledBank


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
