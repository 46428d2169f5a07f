"""Sheets: many glyphs in one image, from which all are fetched with a single call of OpenCV."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Numbers, Pixels, opencv
from digitseq.composer import column_runs

Positions = NDArray[np.float32]

SHEET_ROWS = 16384  # positions up to here are exact in float32; OpenCV's remap takes images of less than 32,768 rows
SUBPIXELS = 64  # positions are rounded to 1/64 pixel, or are sums of numbers that are exact in float32
CACHED_POSITIONS = 1 << 17  # source positions that stay in the processor's cache, 8 bytes each
STEEPER = 1.4  # slope of an edge of sharp cells over that of an interpolated one


@dataclass(frozen=True)
class Sheet:
    """Glyphs on top of each other, with paper between them; they are turned: their columns are rows of the sheet.

    pixels: uint8 (N · step, height); step: rows of each glyph
    middle: float64 (2, N), column and row of each glyph's middle, counted as in the glyph, from its own first column
    """

    pixels: Pixels
    step: int
    middle: NDArray[np.float64]

    def slices(self, size: tuple[int, int]) -> Iterator[slice]:
        """Slices of 0 … N-1, so short that positions of cells of `size` are exact, and stay in the cache."""
        count = self.middle.shape[1]
        most = max(min(CACHED_POSITIONS // (size[0] * size[1]), SHEET_ROWS // self.step), 1)
        for first in range(0, count, most):
            yield slice(first, min(first + most, count))

    def middles(self, part: slice) -> NDArray[np.float64]:
        """float64 (2, n): column and row of the middles of the glyphs in a slice, in a sheet of these alone."""
        middle = self.middle[:, part].copy()
        middle[0] += np.arange(middle.shape[1]) * self.step
        return middle


def sheet_of_cells(cells: Pixels, reach: float) -> Sheet:
    """A sheet of cells (N, w, h); reach: how far to the left and right of their middles fetches go."""
    count, width, height = cells.shape
    step = max(width, width // 2 + math.ceil(reach) + 1)
    pixels = np.zeros((count, step, height), np.uint8)
    pixels[:, :width] = cells
    middle = np.broadcast_to([[(width - 1) / 2], [(height - 1) / 2]], (2, count))
    return Sheet(pixels.reshape(-1, height), step, middle)


def sheet_of_columns(columns: Pixels, start: Numbers, wide: Numbers, middle_row: Numbers, reach: float) -> Sheet:
    """A sheet of glyphs that are columns[start : start + wide], (N,); their rows are those of the columns.

    middle_row: the edge of rows that counts as the middle of each; reach: as in `sheet_of_cells`
    """
    count, most = len(start), (int(wide.max()) + 1) // 2
    step = max(2 * most, most + math.ceil(reach) + 1)
    pixels = np.zeros((count * step, columns.shape[1]), np.uint8)
    source, place = column_runs(start, np.arange(count) * step + most - (wide + 1) // 2, wide)
    # a column as one item of type void: NumPy then copies whole columns instead of bytes
    item = f"V{columns.shape[1]}"
    pixels.view(item)[place, 0] = columns.take(source, axis=0, mode="clip").view(item)[:, 0]
    return Sheet(pixels, step, np.stack([np.full(count, most - 0.5), middle_row - 0.5]))


def fetched(sheet: Sheet, part: slice, positions: Positions, out: Pixels) -> None:
    """Fetch cells (n, w, h) bilinearly from the glyphs of a slice at x and y, float32 (2, n, w, h).

    Positions count as in each glyph of the slice alone, see `Sheet.middles`. All around it is paper.
    """
    column, row = (axis.reshape(-1, axis.shape[2]) for axis in positions)
    cv = opencv()
    pixels = sheet.pixels[part.start * sheet.step : part.stop * sheet.step]
    # columns are rows of the sheet
    cv.remap(pixels, row, column, cv.INTER_LINEAR, out.reshape(-1, out.shape[2]), cv.BORDER_CONSTANT)


def sharpened(cells: Pixels, chosen: NDArray[np.bool_]) -> Pixels:
    """The chosen cells with edges, which interpolation makes about two pixels wide, one pixel wide again.

    For cells whose edges were that sharp before.
    """
    steeper = opencv().LUT(cells.reshape(-1, cells.shape[2]), _steeper()).reshape(cells.shape)
    return steeper if chosen.all() else np.where(chosen[:, None, None], steeper, cells)


@lru_cache(maxsize=1)
def _steeper() -> Pixels:
    """uint8 (256,): levels moved away from half of full ink, which stays."""
    steeper: Pixels = np.clip(np.rint((np.arange(256) - 127.5) * STEEPER + 127.5), 0, 255).astype(np.uint8)
    return steeper
