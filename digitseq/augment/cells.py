"""Cells: glyphs copied from columns into images (N, h, w) to be distorted, and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Pixels
from digitseq.composer import FEW, column_runs

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


def columns_of(cells: Pixels, shift: Numbers, height: int) -> Pixels:
    """uint8 (N·w, height): the columns of cells (N, h, w), cell row r at image row r + shift (N,)."""
    count, rows, width = cells.shape
    columns = np.zeros((count, width, height), np.uint8)
    turned = cells.transpose(0, 2, 1)
    for step, chosen in _alike(shift):
        first, last = max(-step, 0), min(height - step, rows)
        if first < last:
            columns[chosen, :, first + step : last + step] = turned[chosen, :, first:last]
    return columns.reshape(count * width, height)


def _alike(values: Numbers) -> Iterator[tuple[int, Any]]:
    """Each distinct value with an index of where it is; single values where there are few."""
    if len(values) <= FEW:
        yield from ((value, slice(place, place + 1)) for place, value in enumerate(values.tolist()))
    else:
        yield from ((int(value), np.flatnonzero(values == value)) for value in np.unique(values))
