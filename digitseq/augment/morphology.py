"""Erosion and dilation of single glyphs (J. Serra, "Image Analysis and Mathematical Morphology", 1982).

They model pens: a thin or dry one, and a broad one or ink that spreads in the paper.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import GlyphOperation, Numbers, Outline, Parameters, Pixels, opencv
from digitseq.augment.boxes import enlarged
from digitseq.augment.draws import Range, draw_integer
from digitseq.augment.ranges import parameter, probability
from digitseq.random_streams import Rows

# An erosion leaves at least this share of a glyph's ink: a digit that has vanished or broken into specks would make its
# label wrong.
LEAST_INK = 0.25
MOST_ERODED = 1.0  # pixels that an erosion takes off a glyph on each side at most, where it leaves most of the ink
LEAST_SEEN = 1 / 8  # a stroke that grows by more of a pixel than this shows one more, even where ink is faint
BLEND_STEPS = 256  # a stroke's fraction of a pixel is rounded to 1/256


@dataclass(frozen=True)
class _Morphology(GlyphOperation):
    """An erosion or dilation with a rectangle as its kernel."""

    width: Range = parameter((1, 3), "width of the kernel", low=1, high=15, unit="pixels", integer=True)
    height: Range = parameter((1, 3), "height of the kernel", low=1, high=15, unit="pixels", integer=True)
    p: float = probability("glyph")

    def draw(self, rows: Rows, n: int, cell: tuple[int, int]) -> Parameters:
        on, draws = self.select(rows, 2, n)
        return {
            "width": np.where(on, self._size(draw_integer(draws[:, 0], self.width)), 1),
            "height": np.where(on, self._size(draw_integer(draws[:, 1], self.height)), 1),
        }

    def _size(self, kernel: Any) -> NDArray[np.int64]:
        """int64: sides of kernels in larger images, of which one of a pixel changes nothing."""
        return np.rint(1 + (np.asarray(kernel) - 1) * self.enlargement).astype(np.int64)

    def outline(self, points: Outline, rows: Rows) -> Outline:
        drawn = self.draw(rows, len(points), (1, 1))
        half = (np.stack([drawn["width"], drawn["height"]], axis=1) - 1) / 2
        return enlarged(points, self._outward(half))

    def apply(self, cells: Pixels, parameters: Parameters) -> Pixels:
        across, down = parameters["height"], parameters["width"]  # cells are turned
        chosen = np.flatnonzero((across > 1) | (down > 1))
        if not chosen.size:
            return cells
        out = cells.copy()
        out[chosen] = self._morph(cells[chosen], across[chosen], down[chosen])
        return out

    def _outward(self, half: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, 2): how far ink moves outward in x and y with kernels that reach `half` pixels from their middles."""
        return half

    @abstractmethod
    def _morph(self, cells: Pixels, across: Numbers, down: Numbers) -> Pixels:
        """The cells after the operation with kernels of these sizes (N,)."""


@dataclass(frozen=True)
class Erode(_Morphology):
    """Thinner strokes: a thin or dry pen. A glyph that would lose most of its ink is eroded by a smaller kernel.

    width, height: the kernel's, in pixels, whole numbers, 1 … 15; p: probability for each glyph. A larger kernel never
    leaves a brighter pixel than a smaller one.
    """

    def grown_size(self, size: NDArray[np.int64], parameters: Parameters) -> NDArray[np.int64]:
        return size

    def _outward(self, half: NDArray[np.float64]) -> NDArray[np.float64]:
        return -np.minimum(half, MOST_ERODED * self.enlargement)

    def _morph(self, cells: Pixels, across: Numbers, down: Numbers) -> Pixels:
        thin = _filtered(np.minimum, cells, across, down)
        # no glyph gets thinner than the thinnest form that it bears, so a long kernel breaks no stroke
        return np.maximum(thin, thinnest(cells, np.maximum(across, down)), out=thin)


@dataclass(frozen=True)
class Dilate(_Morphology):
    """Thicker strokes: a broad pen, or ink that spreads.

    width, height: the kernel's, in pixels, whole numbers, 1 … 15; p: probability for each glyph.
    """

    def grown(self, height: int, width: int) -> tuple[int, int]:
        # an even kernel adds more on one side; glyphs stay in the middle, so both sides get that much
        above, beside = (int(self._size(kernel[1])) // 2 for kernel in (self.height, self.width))
        return height + 2 * above, width + 2 * beside

    def grown_size(self, size: NDArray[np.int64], parameters: Parameters) -> NDArray[np.int64]:
        grown: Numbers = size + 2 * (np.stack([parameters["height"], parameters["width"]]) // 2)
        return grown

    def _morph(self, cells: Pixels, across: Numbers, down: Numbers) -> Pixels:
        return _filtered(np.maximum, cells, across, down)


@dataclass(frozen=True)
class Stroke(GlyphOperation):
    """Strokes thicker or thinner by a fraction of a pixel on every side: another pen, another pressure.

    amount: pixels on every side, -2 … 3; below 0 is thinner; p: probability for each glyph. Whole pixels are
    erosions and dilations with a cross of 3 pixels, fractions blend two of them.
    """

    amount: Range = parameter((-0.5, 0.8), "thicker on every side", low=-2, high=3, unit="pixels")
    p: float = probability("glyph")

    def grown(self, height: int, width: int) -> tuple[int, int]:
        more = 2 * max(math.ceil(self.amount[1]), 0)
        return height + more, width + more

    def grown_size(self, size: NDArray[np.int64], parameters: Parameters) -> NDArray[np.int64]:
        return size + 2 * np.ceil(np.maximum(parameters["amount"], 0)).astype(np.int64)

    def outline(self, points: Outline, rows: Rows) -> Outline:
        amount = self.draw_strengths(rows, len(points))
        return enlarged(points, np.ceil(amount - LEAST_SEEN)[:, None])

    def apply(self, cells: Pixels, parameters: Parameters) -> Pixels:
        steps = np.rint(parameters["amount"] * BLEND_STEPS).astype(np.int64)
        out, many = cells.copy(), self.enlargement > 1
        whole = _ink(cells) if many else None
        for combine, rest in ((np.maximum, np.maximum(steps, 0)), (np.minimum, np.maximum(-steps, 0))):
            square = True
            # a pixel at a time, blended where less than a whole one is left
            while (chosen := np.flatnonzero(rest)).size:
                share = np.minimum(rest[chosen], BLEND_STEPS)
                # many crosses in a row would be a diamond: with squares between them they are nearly a disc
                square = many and not square
                before = out[chosen]
                after = _squared(combine, before) if square else _crossed(combine, before)
                if combine is np.minimum:
                    # what has lost most of its ink stays as it was
                    lost = _ink(after) < LEAST_INK * (_ink(before) if whole is None else whole[chosen])
                    after[lost] = before[lost]
                out[chosen] = _blended(before, after, share, combine is np.maximum)
                rest[chosen] -= share
        return out


def _blended(first: Pixels, second: Pixels, share: NDArray[np.int64], brighter: bool) -> Pixels:
    """`first`, with share/256 of the way to `second`, for each cell; brighter: whether that is brighter, or darker."""
    far = (second - first if brighter else first - second).astype(np.uint16)
    far *= share.astype(np.uint16)[:, None, None]
    far += np.uint16(BLEND_STEPS // 2 - brighter)
    far >>= np.uint16(8)
    step = far.astype(np.uint8)
    return first + step if brighter else first - step


def thinnest(cells: Pixels, most: Numbers) -> Pixels:
    """Cells after the largest erosion that leaves `LEAST_INK`, with kernels of up to `most` (N,) pixels on either side.

    Kernels are squares, or a pixel longer in the direction that costs less ink. Each contains the next smaller one.
    """
    out, least, left = cells.copy(), LEAST_INK * _ink(cells), np.arange(len(cells))
    square = cells
    for size in range(2, int(most.max()) + 1):
        if (short := most[left] < size).any():
            left, square = left[~short], square[~short]
        if not left.size:
            break
        wide, tall = _shifted(np.minimum, square, size, across=True), _shifted(np.minimum, square, size)
        square = _shifted(np.minimum, wide, size)
        of_tall, of_wide, of_square = _ink(tall), _ink(wide), _ink(square)
        bears_square = of_square >= least[left]
        bears_wide = (of_wide >= least[left]) & (of_wide > of_tall) & ~bears_square
        bears_tall = (of_tall >= least[left]) & ~bears_wide & ~bears_square
        for thin, borne in ((tall, bears_tall), (wide, bears_wide), (square, bears_square)):
            out[left[borne]] = thin[borne]
        left, square = left[bears_square], square[bears_square]
    return out


def _filtered(combine: np.ufunc, cells: Pixels, width: Numbers, height: Numbers) -> Pixels:
    """Cells under rectangles of these sizes (N,), one of more than a pixel, made a pixel longer at a time.

    combine: minimum or maximum
    """
    out = cells
    for across, sizes in ((True, width), (False, height)):
        for size in range(2, int(sizes.max()) + 1):
            chosen = np.flatnonzero(sizes >= size)
            if len(chosen) == len(cells):
                out = _shifted(combine, out, size, across)
            else:
                out = out.copy() if out is cells else out
                out[chosen] = _shifted(combine, out[chosen], size, across)
    return out


def _shifted(combine: np.ufunc, cells: Pixels, size: int, across: bool = False) -> Pixels:
    """Cells under kernels of `size` pixels down or across, from cells under those with one pixel less.

    OpenCV would take ten times as long. What a row gets from the next one is paper, as no ink is at a cell's edges.
    """
    step = 1 if across else cells.shape[2]
    flat = cells.reshape(-1)
    out = np.empty_like(flat)
    inside, edge = (np.s_[step:], np.s_[:step]) if size % 2 == 0 else (np.s_[:-step], np.s_[-step:])
    combine(flat[:-step], flat[step:], out=out[inside])  # even kernels are longer before
    out[edge] = flat[edge]
    return out.reshape(cells.shape)


def _crossed(combine: np.ufunc, cells: Pixels) -> Pixels:
    """Cells under a cross of 3 pixels, as `_shifted`."""
    out, flat = _shifted(combine, cells, 2, across=True).reshape(-1), cells.reshape(-1)
    combine(out[:-1], flat[1:], out=out[:-1])
    step = cells.shape[2]
    combine(out[step:], flat[:-step], out=out[step:])
    combine(out[:-step], flat[step:], out=out[:-step])
    return out.reshape(cells.shape)


def _squared(combine: np.ufunc, cells: Pixels) -> Pixels:
    """Cells under a square of 3 pixels, as `_shifted`."""
    for across in (True, False):
        for size in (2, 3):
            cells = _shifted(combine, cells, size, across)
    return cells


def _ink(cells: Pixels) -> NDArray[np.int32]:
    """int32 (N,): the sum of each cell's pixels."""
    cv2 = opencv()
    sums: NDArray[np.int32] = cv2.reduce(cells.reshape(len(cells), -1), 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)
    return sums[:, 0]
