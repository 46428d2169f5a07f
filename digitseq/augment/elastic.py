"""Elastic distortion of single glyphs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Outline, Parameters
from digitseq.augment.boxes import enlarged
from digitseq.augment.draws import Range, random_integers
from digitseq.augment.maps import DisplacementMap, Positions
from digitseq.augment.ranges import parameter, probability
from digitseq.random_streams import Rows

FARTHEST = 3.0  # standard deviations at which offsets are clipped, so that cells have a finite size
# Weights and sums are whole numbers below 2^24: exact in float32, whatever the order in which they are added.
WEIGHT_STEPS = 1 << 12
KEPT_STEPS = 1 << 8
ONE_THREAD = 1 << 16  # multiplications of a matrix product
PATCH = 2.5  # length of edge, in sigmas, over which offsets are nearly constant
OUTWARD = 0.4  # mean move, in deviations, of the farther of two patches; the farthest of four moves about twice that


@dataclass(frozen=True)
class Elastic(DisplacementMap):
    """Every part of a glyph drifts a little, neighbours together: the uneven movements of a hand.

    alpha: strength, 0 … 200 pixels; sigma: smoothness, 2 … 20 pixels; p: probability for each glyph. Offsets are
    uniform noise in -1 … 1, smoothed by a Gaussian of std `sigma`, times `alpha`: their own std is
    alpha / (sigma · 6.14) pixels.

    Source: P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks applied to
    visual document analysis", ICDAR 2003. (The noise is on a grid of `sigma` pixels instead of one, which looks
    the same after smoothing, at a fraction of the cost.)
    """

    alpha: Range = parameter((10.0, 34.0), "strength", low=0, high=200, unit="pixels")
    sigma: float = parameter(4.0, "smoothness", low=2, high=20, unit="pixels", single=True)
    p: float = probability("glyph")

    def _lengths(self, factor: float) -> dict[str, Any]:
        # the offsets, which are in proportion to alpha / sigma, get longer, too
        return super()._lengths(factor) | {"alpha": tuple(alpha * factor**2 for alpha in self.alpha)}

    def grown(self, height: int, width: int) -> tuple[int, int]:
        far = 2 * math.ceil(FARTHEST * self._deviation(self.alpha[1]))
        return height + far, width + far

    def outline(self, points: Outline, rows: Rows) -> Outline:
        alpha = self.draw_strengths(rows, len(points))
        # an edge consists of patches that move independently: the one that moves farthest outward counts
        long = (points.max(axis=2) - points.min(axis=2))[:, ::-1] / (PATCH * self.sigma)
        return enlarged(points, self._deviation(alpha)[:, None] * OUTWARD * np.log2(np.maximum(long, 1)))

    def draw(self, rows: Rows, n: int, cell: tuple[int, int]) -> Parameters:
        parameters = super().draw(rows, n, cell)
        grid = [self._points(length) for length in cell]
        parameters["noise"] = random_integers(rows, "noise", (2, *grid), np.uint8, n)
        parameters["cell"] = np.broadcast_to(np.array(cell), (len(parameters["alpha"]), 2))
        return parameters

    def displacement(self, parameters: Parameters, chosen: NDArray[np.int64]) -> tuple[Positions, Positions]:
        height, width = parameters["cell"][0]
        noise = parameters["noise"][chosen].astype(np.float32) * 2 - 255  # odd whole numbers, -255 … 255
        along = np.rint(noise @ self._weights(width).T / np.float32(KEPT_STEPS))
        offsets = _product(self._weights(height), along)
        # back to uniform noise in -1 … 1, and from the grid's spacing to that of pixels
        unit = self.sigma * KEPT_STEPS / (255 * self._steps**2)
        alpha = parameters["alpha"][chosen]
        offsets *= (alpha * unit).astype(np.float32)[:, None, None, None]
        far = (FARTHEST * self._deviation(alpha)).astype(np.float32)[:, None, None, None]
        np.clip(offsets, -far, far, out=offsets)
        return offsets[:, 0], offsets[:, 1]

    def _deviation(self, alpha: float | NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(alpha) / (math.sqrt(12 * math.pi) * self.sigma)

    def _points(self, length: int) -> int:
        """Grid points that reach pixels 0 … length-1: three sigmas beyond them on either side."""
        return math.ceil((length - 1) / self.sigma) + 7

    def _weights(self, length: int) -> NDArray[np.float32]:
        """float32 (length, points), whole numbers: the Gaussian of each grid point at each pixel."""
        points = (np.arange(self._points(length)) - 3) * self.sigma
        distance = (np.arange(length)[:, None] - points) / self.sigma
        gauss = np.exp(-(distance**2) / 2) / (self.sigma * math.sqrt(2 * math.pi))
        return np.rint(gauss * self._steps).astype(np.float32)

    @property
    def _steps(self) -> float:
        # a wider Gaussian is lower: its weights are as fine as those of the original size
        return WEIGHT_STEPS * self.enlargement


def _product(weights: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """weights (h, p) times values (…, p, w): (…, h, w)."""
    (height, points), width = weights.shape, values.shape[-1]
    # BLAS starts threads for larger products: for these, they wait for each other longer than they work
    rows = max(min(ONE_THREAD // (points * width), height), 1)
    parts = np.pad(weights, ((0, -height % rows), (0, 0))).reshape(-1, rows, points)
    product = np.matmul(parts, values[..., None, :, :])
    whole: NDArray[np.float32] = product.reshape(*values.shape[:-2], -1, width)[..., :height, :]
    return whole
