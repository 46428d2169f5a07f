"""Erosion and dilation with a rectangle (J. Serra, "Image Analysis and Mathematical Morphology", 1982).

They model pens: a thin or dry one, and a broad one or ink that spreads in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Parameters, Pixels, Range, draw_integer, opencv
from digitseq.streams import Rows

# An erosion that would leave less than this share of a glyph's ink leaves the glyph as it is: a digit
# that has vanished or broken into specks would make its label wrong.
LEAST_INK = 0.25


@dataclass(frozen=True)
class _Morphology:
    """width, height: the kernel's, in pixels, whole numbers; p: probability for each glyph."""

    width: Range = (1, 3)
    height: Range = (1, 3)
    p: float = 1.0

    @property
    def reach(self) -> int:
        return int(max(self.width[1], self.height[1])) // 2

    def draw(self, rows: Rows, n: int, cell: tuple[int, int]) -> Parameters:
        draws = rows.uniforms("parameters", 3 * n).reshape(-1, 3)
        return {
            "on": draws[:, 0] < self.p,
            "width": draw_integer(draws[:, 1], self.width),
            "height": draw_integer(draws[:, 2], self.height),
        }

    def apply(self, cells: Pixels, parameters: Parameters) -> Pixels:
        out = cells.copy()
        width, height = parameters["width"], parameters["height"]
        # one call for all glyphs with the same kernel
        kernel = np.where(parameters["on"], width << 8 | height, 1 << 8 | 1)
        for code in np.unique(kernel):
            if code != 1 << 8 | 1:
                chosen = np.flatnonzero(kernel == code)
                out[chosen] = self._morph(cells[chosen], np.ones((code & 255, code >> 8), np.uint8))
        return out

    def _morph(self, cells: Pixels, kernel: Pixels) -> Pixels:
        raise NotImplementedError


@dataclass(frozen=True)
class Erode(_Morphology):
    """Thinner strokes. A glyph that would lose most of its ink is left as it is."""

    name: ClassVar[str] = "erode"

    def grown(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def _morph(self, cells: Pixels, kernel: Pixels) -> Pixels:
        eroded = _on_sheet(opencv().erode, cells, kernel)
        lost = np.flatnonzero(_ink(eroded) < LEAST_INK * _ink(cells))
        eroded[lost] = cells[lost]
        return eroded


@dataclass(frozen=True)
class Dilate(_Morphology):
    """Thicker strokes."""

    name: ClassVar[str] = "dilate"

    def grown(self, height: int, width: int) -> tuple[int, int]:
        # an even kernel adds more on one side; glyphs stay in the middle, so both sides get that much
        return height + 2 * (int(self.height[1]) // 2), width + 2 * (int(self.width[1]) // 2)

    def _morph(self, cells: Pixels, kernel: Pixels) -> Pixels:
        return _on_sheet(opencv().dilate, cells, kernel)


def _ink(cells: Pixels) -> NDArray[np.int32]:
    """int32 (N,): the sum of each cell's pixels."""
    cv2 = opencv()
    sums: NDArray[np.int32] = cv2.reduce(cells.reshape(len(cells), -1), 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)
    return sums[:, 0]


def _on_sheet(operation: Any, cells: Pixels, kernel: Pixels) -> Pixels:
    """Run an OpenCV filter over all cells as one tall picture."""
    count, height, width = cells.shape
    result: Pixels = operation(cells.reshape(count * height, width), kernel)
    return result.reshape(cells.shape)
