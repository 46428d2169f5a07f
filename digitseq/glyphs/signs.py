"""Glyphs of signs that a data set lacks, drawn with pens as wide as those of its own glyphs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.glyphs.ink_extent import ends
from digitseq.glyphs.strokes import inked, sign_distances

VARIANTS = 64  # of each sign, for each pen
PENS = np.geomspace(1.2, 6.6, 12)  # widths in pixels of an image 28 pixels high: those of MNIST's glyphs are 1.1 to 6.8
PEN_HEIGHT = 28
# The measured width is that of a stroke with soft edges, which a drawn one must exceed to look as heavy.
PEN_FACTOR = 1.12
PIECE = 1 << 14  # columns that are measured at once, which stay in the processor's cache
SIZE = VARIANTS * len(PENS)  # glyphs of each sign


def sign_glyphs(sign: str, height: int) -> NDArray[np.uint8]:
    """uint8 (SIZE, height, W): all variants of `sign`, a key of `SIGNS`, for each pen in turn."""
    margin, pens = height // 4, PENS * height / PEN_HEIGHT
    distances = sign_distances(sign, VARIANTS, height, margin)
    return _inside(np.concatenate([inked(distances, pen) for pen in pens]), height, margin)


def _inside(glyphs: NDArray[np.uint8], height: int, margin: int) -> NDArray[np.uint8]:
    """uint8 (N, height, W): glyphs (N, height + 2 * margin, W) without the margins, moved if they have ink there."""
    top, bottom = ends(np.any(glyphs, axis=2))
    first = np.clip(margin, bottom - height, top)
    return np.take_along_axis(glyphs, (first[:, None] + np.arange(height))[:, :, None], axis=1)


def pen_numbers(columns: NDArray[np.uint8], start: NDArray[np.int64], width: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (N,): for each glyph the number of the pen in `PENS` that is as wide as its strokes.

    columns, start, width: as in `GlyphBank`; the glyphs lie there in order, without a gap. A stroke of width w and
    length l has the area w·l and a border of about 2·l, which is the sum of all gray-level gradients.
    """
    if not len(columns):
        return np.zeros(len(start), np.uint8)
    border, area = np.zeros(len(columns), np.float32), np.zeros(len(columns), np.float32)
    for low in range(0, len(columns), PIECE):
        ink = columns[low : low + PIECE + 1].astype(np.float32)
        count = min(PIECE, len(columns) - low)
        right = np.diff(ink, axis=0, append=0)[:count]
        down = np.diff(ink[:count], axis=1, append=0)
        border[low : low + count] = np.sqrt(right * right + down * down).sum(axis=1)
        area[low : low + count] = ink[:count].sum(axis=1)
    # What lies right of a glyph's last column is another glyph: its border there is that of its own ink. Likewise its
    # left border, which no difference has counted.
    last = start + width - 1
    border[last] = columns[last].sum(axis=1)
    border[start] += columns[start].sum(axis=1)
    pen = 2 * np.add.reduceat(area, start) / np.maximum(np.add.reduceat(border, start), 1)
    return _nearest(pen * PEN_FACTOR * PEN_HEIGHT / columns.shape[1])


def scaled_pens(pen: NDArray[np.uint8], factor: NDArray[np.float64]) -> NDArray[np.uint8]:
    """uint8 (N,): the numbers of the pens for glyphs with the pens `pen` (N,) that are scaled by `factor` (N,)."""
    return _nearest(PENS[pen] * factor)


def _nearest(width: NDArray[Any]) -> NDArray[np.uint8]:
    middles = np.sqrt(PENS[1:] * PENS[:-1])
    return np.searchsorted(middles, width).astype(np.uint8)


def sign_numbers(
    glyph: NDArray[np.int64], known: NDArray[np.bool_], pens: NDArray[np.uint8], draws: NDArray[np.float64]
) -> NDArray[np.int64]:
    """int64 (B, n): for every place the number of a glyph among those of a sign that stands there.

    glyph: (B, n), those of the bank where `known` (B, n), and arbitrary ones elsewhere; draws: (B, n) in [0, 1). The
    pen is that of the nearest known glyph before a place, or else of the first one after it.
    """
    before = np.maximum.accumulate(np.where(known, np.arange(glyph.shape[1]), -1), axis=1)
    after = known.argmax(axis=1)  # the first place if no glyph is known: its glyph is as good as any
    neighbour = np.where(before >= 0, before, after[:, None])
    pen = pens[np.take_along_axis(glyph, neighbour, axis=1)].astype(np.int64)
    return pen * VARIANTS + (draws * VARIANTS).astype(np.int64)
