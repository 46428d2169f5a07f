"""Distance fields of centre lines: ink of any pen, at any size, is what lies nearer to the line than half its width.

As in C. Green, "Improved alpha-tested magnification for vector textures and special effects", SIGGRAPH 2007, but with
the distance to the centre line instead of the outline.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digitseq.glyphs.centre_lines import CentreLines, opencv

SAMPLES = 2  # of a field along each side of a glyph's pixel: enough for pens of a pixel, by eye at a height of 64
UNIT = 64  # levels of a field for each pixel of distance; what is farther than 255 levels counts as that far
FINER = 2  # places, for each sample along an axis, that points are rounded to when the nearest one is looked for
ROWS = 12  # into which a glyph's height is divided for its profiles
HALF = 127
BESIDE = 0.75  # pixels beside a stroke in which ink is no sign of a filled loop
MOST_MISSED = 0.055  # share of a glyph's ink that may be farther from its line: looked at on sheets of MNIST's
FAR = 1e3  # of a row without ink: farther than any ink


class Lines(NamedTuple):
    """What is known of the centre lines of N glyphs. All lengths are in pixels of the glyphs, y grows downwards.

    field: uint8 (N, S, S), the distance of each sample from the line, in 1/`UNIT`
    left, right: float32 (N, ROWS), how far the line reaches in equal parts of its height, from the top; x counts from
    the middle of the field. `FAR` and -`FAR` where it does not run
    top, bottom: float32 (N,), from the middle of the field; lean: float32 (N,), by how much x grows for each pixel
    further up, on average
    """

    field: NDArray[np.uint8]
    left: NDArray[np.float32]
    right: NDArray[np.float32]
    top: NDArray[np.float32]
    bottom: NDArray[np.float32]
    lean: NDArray[np.float32]


def lines_of(points: NDArray[np.float32], owner: NDArray[np.int64], count: int, side: int) -> Lines:
    """The lines through points, (T, 2), of `count` glyphs in cells of `side` pixels; as in `CentreLines`.

    A glyph without points is as far from its line as can be everywhere.
    """
    field = _fields(points, owner, count, side)
    place = points.astype(np.float64) - side / 2
    top, bottom = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(top, owner, place[:, 1])
    np.maximum.at(bottom, owner, place[:, 1])
    there = np.bincount(owner, minlength=count) > 0
    top, bottom = np.where(there, top, 0), np.where(there, bottom, 0)
    part = (place[:, 1] - top[owner]) / np.maximum(bottom - top, 1e-6)[owner] * ROWS
    at = owner * ROWS + np.minimum(part.astype(np.int64), ROWS - 1)
    left, right = np.full(count * ROWS, FAR), np.full(count * ROWS, -FAR)
    np.minimum.at(left, at, place[:, 0])
    np.maximum.at(right, at, place[:, 0])
    profiles = (_filled(side_of.reshape(count, ROWS)) for side_of in (left, right))
    return Lines(field, *(array.astype(np.float32) for array in (*profiles, top, bottom, _lean(place, owner, count))))


def _filled(profile: NDArray[np.float64]) -> NDArray[np.float64]:
    """A profile in which rows that the line only passes between two points have what the row above them has."""
    known = np.abs(profile) < FAR
    last = np.maximum.accumulate(np.where(known, np.arange(ROWS), 0), axis=1)
    return np.take_along_axis(profile, last, axis=1)


def _lean(place: NDArray[np.float64], owner: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """float64 (count,): the slope of x over the height, fitted to the points of each glyph."""
    number = np.maximum(np.bincount(owner, minlength=count), 1)
    mean = np.stack([np.bincount(owner, place[:, k], count) / number for k in range(2)], axis=1)
    x, y = (place - mean[owner]).T
    return -np.bincount(owner, x * y, count) / np.maximum(np.bincount(owner, y * y, count), 1)


def _fields(points: NDArray[np.float32], owner: NDArray[np.int64], count: int, side: int) -> NDArray[np.uint8]:
    """uint8 (count, S, S). The nearest point of every sample is found on a grid, its distance is that of the point."""
    cv, fine, size = opencv(), SAMPLES * FINER, side * SAMPLES
    grid = np.ones((count * side * fine, side * fine), np.uint8)
    at = np.floor(points * fine).astype(np.int64).clip(0, side * fine - 1)
    at[:, 1] += owner * (side * fine)
    flat = at[:, 1] * grid.shape[1] + at[:, 0]
    grid.ravel()[flat] = 0
    _, label = cv.distanceTransformWithLabels(grid, cv.DIST_L2, 5, labelType=cv.DIST_LABEL_PIXEL)
    point_of = np.zeros(int(label.max()) + 1, np.int64)
    point_of[label.ravel()[flat]] = np.arange(len(flat))
    # samples are in the middles of squares of FINER × FINER places
    nearest = point_of.take(label[FINER // 2 :: FINER, FINER // 2 :: FINER]).reshape(count, size, size)
    middle = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / SAMPLES
    x, y = points.take(nearest, axis=0).transpose(3, 0, 1, 2)
    distance = np.hypot(x - middle, y - middle[:, None])
    # the nearest point may be another glyph's where a line ends near the border of its cell
    distance[owner.take(nearest) != np.arange(count)[:, None, None]] = np.inf
    field: NDArray[np.uint8] = np.minimum(np.rint(distance * UNIT), 255).astype(np.uint8)
    # fetches from outside a field give its outermost samples
    field[:, [0, -1]] = field[:, :, [0, -1]] = 255
    return field


def intact(cells: NDArray[np.uint8], lines: Lines, found: CentreLines) -> NDArray[np.bool_]:
    """bool (N,): whether the pen that wrote a glyph, (N, h, w), would write it again along its line.

    Thinning makes a single stroke of a loop that a thick pen has filled, such as that of a 6. Much of the ink there is
    farther from the line than half the width that the stroke has elsewhere.
    """
    count, side, _ = cells.shape
    size = (side * SAMPLES, count * side * SAMPLES)
    ink = opencv().resize(cells.reshape(-1, side), size, interpolation=opencv().INTER_LINEAR) > HALF
    ink = ink.reshape(lines.field.shape)
    half = np.rint((_medians(found.pen, found.owner, count) + BESIDE) * UNIT)
    missed = (ink & (lines.field > half[:, None, None])).sum(axis=(1, 2))
    return np.asarray(missed < MOST_MISSED * ink.sum(axis=(1, 2)))


def _medians(values: NDArray[np.float32], owner: NDArray[np.int64], count: int) -> NDArray[np.float32]:
    """float32 (count,): the median of the values of each owner; 0 where there are none."""
    order = np.lexsort(np.stack([values, owner]))
    starts = np.searchsorted(owner, np.arange(count + 1))
    middle = (starts[:-1] + starts[1:]) // 2
    return np.where(np.diff(starts) > 0, np.append(values[order], np.float32(0))[middle], np.float32(0))
