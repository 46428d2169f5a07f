"""The centre lines of glyphs: where the middle of the pen went when they were written.

Glyphs are enlarged, smoothed, made black and white, and thinned (T. Y. Zhang, C. Y. Suen, "A fast parallel algorithm
for thinning digital patterns", CACM 27, 1984). What is left is a chain of pixels; each moves to the mean of the chain
around it, which takes the steps of the grid out of it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digitseq.lazy_imports import import_package

FINER = 3  # pixels, along each axis, into which each pixel of a glyph is divided
SMOOTH = 1.0  # standard deviation of the smoothing, in those pixels
INK = 105  # of 255: the level from which a smoothed pixel is ink
MOST_ROUNDS = 40  # each takes a pixel off both sides of a stroke
AROUND = 3.1  # radius, in finer pixels, of the part of a chain whose mean a pixel moves to
# Neighbours (row, column) of a pixel in a window of 3 × 3, clockwise from the one above it
CLOCKWISE = ((0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0))


class CentreLines(NamedTuple):
    """Points on the centre lines of glyphs, in pixels of these.

    points: float32 (T, 2), x and y from the upper left corner of each glyph's cell, neighbours less than 1/2 apart
    owner: int64 (T,), the glyph that each belongs to, ascending; pen: float32 (T,), half the width of the stroke there
    """

    points: NDArray[np.float32]
    owner: NDArray[np.int64]
    pen: NDArray[np.float32]


def centre_lines(cells: NDArray[np.uint8]) -> CentreLines:
    """The centre lines of glyphs, uint8 (N, h, w), 0 paper … 255 ink, with paper around the ink."""
    _, height, width = cells.shape
    cv = opencv()
    sheet = cv.resize(cells.reshape(-1, width), None, fx=FINER, fy=FINER, interpolation=cv.INTER_CUBIC)
    ink = (cv.GaussianBlur(sheet, (0, 0), SMOOTH) > INK).view(np.uint8)
    chain = _thinned(ink)
    row, column = np.nonzero(chain)
    x, y = _smoothed(chain, row, column)
    owner = row // (height * FINER)
    y -= owner * (height * FINER)
    pen = cv.distanceTransform(ink, cv.DIST_L2, cv.DIST_MASK_5)[row, column]
    finer = np.float32(FINER)
    return CentreLines(np.stack([x, y], axis=1, dtype=np.float32) / finer, owner, pen / finer)


def _thinned(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lines one pixel wide, of 0 and 1 as `ink`."""
    cv, left = opencv(), int(np.count_nonzero(ink))
    weights = np.zeros((3, 3), np.float32)
    for bit, place in enumerate(CLOCKWISE):
        weights[place] = 1 << bit
    for _ in range(MOST_ROUNDS):
        for stays in _stays():
            around = cv.filter2D(ink, cv.CV_8U, weights, borderType=cv.BORDER_CONSTANT)
            ink = ink & cv.LUT(around, stays)
        before, left = left, int(np.count_nonzero(ink))
        if left == before:
            break
    return ink


@lru_cache(maxsize=1)
def _stays() -> tuple[NDArray[np.uint8], ...]:
    """uint8 (256,) for the two halves of a round: 1 for the neighbourhoods in which a pixel stays."""
    both = []
    for half in range(2):
        table = np.ones(256, np.uint8)
        for code in range(256):
            near = [code >> k & 1 for k in range(8)]
            north, east, south, west = near[::2]
            begins = sum(not near[k] and near[(k + 1) % 8] for k in range(8))
            open_sides = (east * south * (north or west), north * west * (east or south))[half]
            if 2 <= sum(near) <= 6 and begins == 1 and not open_sides:
                table[code] = 0
        both.append(table)
    return tuple(both)


def _smoothed(
    chain: NDArray[np.uint8], row: NDArray[np.int64], column: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y of the pixels at `row` and `column`, each the mean of the chain around it."""
    reach = int(AROUND)
    padded = np.pad(chain.view(np.int8), reach)
    flat, width = padded.ravel(), padded.shape[1]
    at = (row + reach) * width + column + reach
    total, x, y = (np.zeros(len(row)) for _ in range(3))
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            if down * down + right * right <= AROUND**2:
                there = flat.take(at + (down * width + right))
                total += there
                x += right * there
                y += down * there
    return column + x / total + 0.5, row + y / total + 0.5


def opencv() -> Any:
    """The cv2 module, or `MissingPackageError` with the command that installs it."""
    return import_package("cv2", "the style pen", "opencv-python-headless")
