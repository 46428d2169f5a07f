"""Cells: glyphs copied from columns into images to be distorted, and back.

These images are turned, (N, w, h): columns stay columns, and are copied as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Numbers, Pixels
from digitseq.augment.draws import centred
from digitseq.composer import GlyphSpans, column_runs


def cut_cells(
    columns: Pixels, start: Numbers, wide: Numbers, rows: tuple[Numbers, int], cell: tuple[int, int]
) -> Pixels:
    """uint8 (N, w, h) for a `cell` (h, w), both even: glyph i is columns[start : start + wide], in the middle.

    rows: the first row to take of each glyph's columns, (N,), and how many; they are centred too, and what is beyond a
    cell is left out.
    """
    (height, width), (first, tall), count = cell, rows, len(start)
    place = np.arange(count) * width + width // 2 - (wide + 1) // 2
    source, target = column_runs(start, place, wide)
    most = max(height, tall + tall % 2)
    cells = np.zeros((count * width, most), np.uint8)
    middle = np.ndarray(len(cells), f"V{tall}", cells, most // 2 - (tall + 1) // 2, (most,))
    middle[target] = windows(columns, source, first.repeat(wide), tall).view(middle.dtype)[:, 0]
    beyond = (most - height) // 2
    return np.ascontiguousarray(cells.reshape(count, width, most)[:, :, beyond : beyond + height])


def spans_of(layers: Sequence[Pixels], box: Numbers, first_row: Numbers, height: int) -> GlyphSpans:
    """The ink (N,) of cells (N, w, h) in images of `height`, in which their first rows are at `first_row` (N,).

    box: of the first layer's ink, (4, N) as from `ink_box`, which is moved into the image where rounding has put it
    outside; a second layer has the shapes
    """
    left, right, top, bottom = box
    wide, seen = right - left, np.clip(top + first_row, 0, height - (bottom - top))
    inks = [np.zeros((1, height), np.uint8) for _ in layers]
    if wide.any():
        count, width, rows = layers[0].shape
        source, _ = column_runs(np.arange(count) * width + left, left, wide)
        shown_first = top - seen  # the row of each cell that becomes the first one
        above, below = max(0, -int(shown_first.min())), max(0, int(shown_first.max()) + height - rows)
        row = (shown_first + above).repeat(wide)
        columns = (padded(cells.reshape(-1, rows).take(source, axis=0), above, below) for cells in layers)
        inks = [windows(some, np.arange(len(source)), row, height) for some in columns]
    return GlyphSpans(inks[0], wide.cumsum() - wide, wide, seen, seen + bottom - top, *inks[1:])


def joined(made: Sequence[tuple[Numbers, GlyphSpans]], there: NDArray[np.bool_]) -> GlyphSpans:
    """The ink (B, n) of texts with glyphs where `there` (B, n) is true; made: groups of their numbers and their ink."""
    spans, total = np.empty((4, np.count_nonzero(there)), np.int64), 0
    for some, ink in made:
        spans[:, some] = ink.start + total, ink.width, ink.top, ink.bottom
        total += len(ink.columns)
    whole = np.zeros((4, *there.shape), np.int64)
    whole[:, there] = spans
    columns = np.concatenate([ink.columns for _, ink in made]) if len(made) > 1 else made[0][1].columns
    start, width, top, bottom = whole
    shapes = [ink.shapes for _, ink in made if ink.shapes is not None]
    return GlyphSpans(columns, start, width, top, bottom, np.concatenate(shapes) if shapes else None)


def padded(columns: Pixels, above: int, below: int) -> Pixels:
    """uint8 (T, above + h + below): columns (T, h) with paper at their ends."""
    count, height = columns.shape
    out = np.zeros((count, above + height + below), np.uint8)
    # a column as one item of type void: NumPy then copies columns instead of bytes
    item = np.dtype(f"V{height}")
    np.ndarray(count, item, out, above, (out.shape[1],))[...] = columns.view(item)[:, 0]
    return out


def windows(columns: Pixels, chosen: Numbers, first: Numbers, height: int) -> Pixels:
    """uint8 (T, height): of each chosen one of `columns` (n, h), `height` rows from `first` on, (T,)."""
    count, full = columns.shape
    # one item of type void for every byte at which a window can begin: NumPy then copies windows instead of bytes
    item = np.dtype(f"V{height}")
    every = np.ndarray(count * full - height + 1, item, np.ascontiguousarray(columns), strides=(1,))
    shown: Pixels = every[chosen * full + first].view(np.uint8).reshape(-1, height)
    return shown


def resized(cells: Pixels, size: tuple[int, ...]) -> Pixels:
    """Cells (N, …) with paper added, or left out, on all sides; all sizes are even."""
    if cells.shape[1:] == size:
        return cells
    out = np.zeros((len(cells), *size), np.uint8)
    centred(out, cells.shape[1:])[...] = centred(cells, size)
    return out
