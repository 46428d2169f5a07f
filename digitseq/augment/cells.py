"""Cells: glyphs copied from columns into images (N, h, w) to be distorted, and back."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Pixels
from digitseq.composer import FEW, GlyphSpans, column_runs

Numbers = NDArray[np.int64]


def cut_cells(
    columns: Pixels, start: Numbers, wide: Numbers, rows: tuple[Numbers, int], cell: tuple[int, int]
) -> Pixels:
    """uint8 (N, *cell): glyph i is columns[start : start + wide], in the middle of its cell.

    rows: the first row to take of each glyph's columns, (N,), and how many; they are centred too.
    """
    height, width = cell
    first, count = rows
    if len(start) <= FEW:
        return _cut_each(columns, start, wide, rows, cell)
    source, place = column_runs(start, np.arange(len(start)) * width + (width - wide) // 2, wide)
    taken = columns.take(source, axis=0, mode="clip")
    turned = np.zeros((len(start) * width, height), np.uint8)
    upper = (height - count) // 2
    owner = np.repeat(first, wide)
    for row in np.unique(first):  # few values: one assignment for all glyphs that start in the same row
        chosen = owner == row
        turned[place[chosen], upper : upper + count] = taken[chosen, row : row + count]
    return np.ascontiguousarray(turned.reshape(len(start), width, height).transpose(0, 2, 1))


def _cut_each(
    columns: Pixels, start: Numbers, wide: Numbers, rows: tuple[Numbers, int], cell: tuple[int, int]
) -> Pixels:
    (height, width), (first, count) = cell, rows
    cells = np.zeros((len(start), height, width), np.uint8)
    upper = (height - count) // 2
    for one, column, length, row in zip(cells, start.tolist(), wide.tolist(), first.tolist()):
        left = (width - length) // 2
        one[upper : upper + count, left : left + length] = columns[column : column + length, row : row + count].T
    return cells


def spans_of(
    cells: Pixels, box: Numbers, above: Numbers, height: int, at: Numbers, shape: tuple[int, ...]
) -> GlyphSpans:
    """The columns of cells (N, h, w) in images of `height`, as glyphs at the flat indices `at` of texts of `shape`.

    box: of the cells' ink, (4, N) as from `ink_box`; above: the image row of each cell's first row, (N,). Ink that
    would stick out at the top or bottom is moved inside.
    """
    (count, rows, width), (left, right, top, bottom) = cells.shape, box
    tall = bottom - top
    seen = np.clip(top + above, 0, height - tall)
    columns = np.zeros((count, width, height), np.uint8)
    turned = cells.transpose(0, 2, 1)
    shift = seen - top
    for step in np.unique(shift).tolist():
        chosen = np.flatnonzero(shift == step)
        first, last = max(-step, 0), min(height - step, rows)
        if first < last:
            columns[chosen, :, first + step : last + step] = turned[chosen, :, first:last]
    spans = np.zeros((4, math.prod(shape)), np.int64)
    spans[:, at] = np.arange(count) * width + left, right - left, seen, seen + tall
    return GlyphSpans(columns.reshape(count * width, height), *spans.reshape(4, *shape))
