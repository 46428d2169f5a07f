"""Columns of glyphs that move up or down, each as a whole: a weighted mean of two pixels, one above the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Numbers, Parameters, Pixels, of_some
from digitseq.augment.cells import padded, windows
from digitseq.augment.line import Lift, LineMap
from digitseq.augment.sheets import SUBPIXELS, sharpened
from digitseq.composer import GlyphSpans
from digitseq.glyphs.ink_extent import ends

BITS = SUBPIXELS.bit_length() - 1
Drawn = Sequence[tuple[LineMap, Parameters]]


def lifts_only(maps: Drawn) -> NDArray[np.bool_]:
    """bool (N,): glyphs that are moved by lifts alone."""
    still = [~line_map.changes(drawn) for line_map, drawn in maps if not isinstance(line_map, Lift)]
    return np.all(still, axis=0) if still else np.ones(len(next(iter(maps[0][1].values()))), bool)


def lifted(
    ink: GlyphSpans, x: NDArray[np.float32], shift: NDArray[np.float32], maps: Drawn, sharp: bool
) -> tuple[GlyphSpans, Numbers]:
    """The ink (N,) after those of `maps` that are lifts, and further down by `shift` (N,), within the image's rows.

    x: of each glyph's first column, from the middle of its image; sharp: see `sharpened`. Second: how many columns
    each glyph has lost on its left.
    """
    first = ink.width.cumsum() - ink.width
    glyph = np.arange(len(first)).repeat(ink.width)
    column = np.arange(len(glyph)) - first[glyph]
    source = ink.start[glyph] + column
    place = (x[glyph] + column.astype(np.float32))[:, None, None]
    lift = -shift[glyph]
    for line_map, drawn in maps:
        if isinstance(line_map, Lift):
            lift += line_map.lift(place, of_some(drawn, glyph))[:, 0, 0]
    height = ink.columns.shape[1]
    steps = np.clip(np.rint(lift * SUBPIXELS).astype(np.int64), -(height + 1) * SUBPIXELS, height * SUBPIXELS)
    columns = _moved(ink.columns.take(source, axis=0), steps, sharp)
    rows = np.bitwise_or.reduceat(columns, first, axis=0) != 0
    top, bottom = np.stack(ends(rows)) * rows.any(axis=1)
    # columns that are empty now, which is rare, are at the edges of a glyph or do not matter
    inked = columns.any(axis=1)
    left = np.minimum.reduceat(np.where(inked, column, ink.width[glyph]), first)
    right = np.maximum.reduceat(np.where(inked, column + 1, 0), first)
    left = np.minimum(left, right)
    made = GlyphSpans(columns, first + left, right - left, top, bottom)
    if ink.shapes is not None:
        made = made._replace(shapes=_moved(ink.shapes.take(source, axis=0), steps, sharp))
    return made, left


def _moved(columns: Pixels, steps: Numbers, sharp: bool) -> Pixels:
    """Columns (T, H) up by 1/64 pixel for each of `steps` (T,)."""
    count, height = columns.shape
    whole, part = steps >> BITS, (steps & SUBPIXELS - 1).astype(np.int16)[:, None]
    above, below = max(0, -int(whole.min())), max(0, int(whole.max()) + 1)
    shown = windows(padded(columns, above, below), np.arange(count), whole + above, height + 1)
    upper = shown[:, :-1].astype(np.int16)
    mixed = shown[:, 1:] - upper
    mixed *= part
    mixed += SUBPIXELS // 2
    mixed >>= BITS
    mixed += upper
    moved = mixed.astype(np.uint8)
    return sharpened(moved[:, None], np.ones(count, bool))[:, 0] if sharp else moved
