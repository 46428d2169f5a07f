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

from digitseq.augment.base import GlyphOperation, Outline, Parameters, Pixels, grouped, opencv
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

    @property
    def reach(self) -> int:
        return int(self._size(max(self.width[1], self.height[1]))) // 2

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
        out = cells.copy()
        width, height = parameters["width"], parameters["height"]
        # one call for all glyphs with the same kernel
        for some in grouped(np.flatnonzero((width > 1) | (height > 1)), width, height):
            out[some] = self._morph(cells[some], np.ones((height[some[0]], width[some[0]]), np.uint8))
        return out

    def _outward(self, half: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, 2): how far ink moves outward in x and y with kernels that reach `half` pixels from their middles."""
        return half

    @abstractmethod
    def _morph(self, cells: Pixels, kernel: Pixels) -> Pixels:
        """The cells after the operation with `kernel`."""


@dataclass(frozen=True)
class Erode(_Morphology):
    """Thinner strokes: a thin or dry pen. A glyph that would lose most of its ink is eroded by a smaller kernel.

    width, height: the kernel's, in pixels, whole numbers, 1 … 15; p: probability for each glyph. A larger kernel never
    leaves a brighter pixel than a smaller one.
    """

    def _outward(self, half: NDArray[np.float64]) -> NDArray[np.float64]:
        return -np.minimum(half, MOST_ERODED * self.enlargement)

    def _morph(self, cells: Pixels, kernel: Pixels) -> Pixels:
        height, width = kernel.shape
        thin = cells
        for size in range(2, width + 1):
            thin = _narrowed(thin, size, across=True)
        for size in range(2, height + 1):
            thin = _narrowed(thin, size)
        # no glyph gets thinner than the thinnest form that it bears, so a long kernel breaks no stroke
        return np.maximum(thin, thinnest(cells, max(width, height)))


@dataclass(frozen=True)
class Dilate(_Morphology):
    """Thicker strokes: a broad pen, or ink that spreads.

    width, height: the kernel's, in pixels, whole numbers, 1 … 15; p: probability for each glyph.
    """

    def grown(self, height: int, width: int) -> tuple[int, int]:
        # an even kernel adds more on one side; glyphs stay in the middle, so both sides get that much
        above, beside = (int(self._size(kernel[1])) // 2 for kernel in (self.height, self.width))
        return height + 2 * above, width + 2 * beside

    def _morph(self, cells: Pixels, kernel: Pixels) -> Pixels:
        return dilated(cells, kernel)


@dataclass(frozen=True)
class Stroke(GlyphOperation):
    """Strokes thicker or thinner by a fraction of a pixel on every side: another pen, another pressure.

    amount: pixels on every side, -2 … 3; below 0 is thinner; p: probability for each glyph. Whole pixels are
    erosions and dilations with a cross of 3 pixels, fractions blend two of them.
    """

    amount: Range = parameter((-0.5, 0.8), "thicker on every side", low=-2, high=3, unit="pixels")
    p: float = probability("glyph")
    reach = 1

    def grown(self, height: int, width: int) -> tuple[int, int]:
        more = 2 * max(math.ceil(self.amount[1]), 0)
        return height + more, width + more

    def outline(self, points: Outline, rows: Rows) -> Outline:
        amount = self.draw_strengths(rows, len(points))
        return enlarged(points, np.ceil(amount - LEAST_SEEN)[:, None])

    def apply(self, cells: Pixels, parameters: Parameters) -> Pixels:
        steps = np.rint(parameters["amount"] * BLEND_STEPS).astype(np.int64)
        square = np.ones((3, 3), np.uint8)
        cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
        out, many = cells.copy(), self.enlargement > 1
        whole = _ink(cells) if many else None
        for sign in (1, -1):
            rest, kernel = np.maximum(sign * steps, 0), square
            # a pixel at a time, blended where less than a whole one is left
            while (chosen := np.flatnonzero(rest)).size:
                share = np.minimum(rest[chosen], BLEND_STEPS)
                # many crosses in a row would be a diamond: with squares between them they are nearly a disc
                kernel = square if many and kernel is cross else cross
                before = out[chosen]
                after = (
                    dilated(before, kernel)
                    if sign > 0
                    else eroded(before, kernel, None if whole is None else whole[chosen])
                )
                out[chosen] = _blended(before, after, share)
                rest[chosen] -= share
        return out


def _blended(first: Pixels, second: Pixels, share: NDArray[np.int64]) -> Pixels:
    """`first`, with share/256 of the way to `second`, for each cell."""
    weight = share.astype(np.uint16)[:, None, None]
    mixed = first * (np.uint16(BLEND_STEPS) - weight) + second * weight
    blended: Pixels = ((mixed + np.uint16(BLEND_STEPS // 2 - 1)) >> 8).astype(np.uint8)
    return blended


def dilated(cells: Pixels, kernel: Pixels) -> Pixels:
    """Cells dilated with `kernel`."""
    return on_sheet(opencv().dilate, cells, kernel)


def eroded(cells: Pixels, kernel: Pixels, whole: NDArray[np.int32] | None = None) -> Pixels:
    """Cells eroded with `kernel`, but for those that would lose most of their ink: of `whole` (N,), if given."""
    thin = on_sheet(opencv().erode, cells, kernel)
    lost = np.flatnonzero(_ink(thin) < LEAST_INK * (_ink(cells) if whole is None else whole))
    thin[lost] = cells[lost]
    return thin


def thinnest(cells: Pixels, most: int) -> Pixels:
    """Cells after the largest erosion that leaves `LEAST_INK`, with a kernel of up to `most` pixels on either side.

    Kernels are squares, or a pixel longer in the direction that costs less ink. Each contains the next smaller one.
    """
    out, least, left = cells.copy(), LEAST_INK * _ink(cells), np.arange(len(cells))
    square = cells
    for size in range(2, most + 1):
        wide, tall = _narrowed(square, size, across=True), _narrowed(square, size)
        square = _narrowed(wide, size)
        ink = np.stack([_ink(tall), _ink(wide), _ink(square)])
        ink[1] *= ink[1] > ink[0]
        for thin, borne in zip((tall, wide, square), ink >= least[left]):
            out[left[borne]] = thin[borne]
        left, square = left[borne], square[borne]
        if not left.size:
            break
    return out


def _narrowed(cells: Pixels, size: int, across: bool = False) -> Pixels:
    """Cells eroded by `size` pixels down or across, from cells eroded by one pixel less.

    OpenCV would take ten times as long. What a row gets from the next one is paper, as no ink is at a cell's edges.
    """
    step = 1 if across else cells.shape[2]
    flat = cells.reshape(-1)
    out = flat.copy()
    before, after = flat[:-step], flat[step:]
    np.minimum(before, after, out=out[step:] if size % 2 == 0 else out[:-step])  # even kernels are longer before
    return out.reshape(cells.shape)


def _ink(cells: Pixels) -> NDArray[np.int32]:
    """int32 (N,): the sum of each cell's pixels."""
    cv2 = opencv()
    sums: NDArray[np.int32] = cv2.reduce(cells.reshape(len(cells), -1), 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)
    return sums[:, 0]


def on_sheet(operation: Any, cells: Pixels, kernel: Pixels) -> Pixels:
    """Run an OpenCV filter once over all cells as one tall image. Their empty margins keep them apart."""
    count, height, width = cells.shape
    result: Pixels = operation(cells.reshape(count * height, width), kernel)
    return result.reshape(cells.shape)
