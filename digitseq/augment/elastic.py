"""Elastic distortion of single glyphs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Outline, Parameters
from digitseq.augment.boxes import enlarged
from digitseq.augment.draws import Range, random_integers
from digitseq.augment.maps import VALUE_STEPS, WEIGHT_STEPS, Displacement, DisplacementMap
from digitseq.augment.ranges import parameter, probability
from digitseq.random_streams import Rows

# Noise is drawn for nodes of a grid; offsets are a cubic B-spline through them, which is nearly the Gaussian of this
# standard deviation, in cells of the grid, and reaches over four nodes.
DEVIATION = math.sqrt(1 / 3)
# Longest offset over the standard deviation: noise is uniform, and the squares of the spline's weights add up to 0.479
# along either axis, on average.
FARTHEST = math.sqrt(3) / 0.4794
PATCH = 2.5  # length of edge, in sigmas, over which offsets are nearly constant
OUTWARD = 0.4  # mean move, in deviations, of the farther of two patches; the farthest of four moves about twice that


@dataclass(frozen=True)
class Elastic(DisplacementMap):
    """Every part of a glyph drifts a little, neighbours together: the uneven movements of a hand.

    alpha: strength, 0 … 200 pixels; sigma: smoothness, 2 … 20 pixels; p: probability for each glyph. Offsets are
    uniform noise in -1 … 1, smoothed by a Gaussian of std `sigma`, times `alpha`: their own std is
    alpha / (sigma · 6.14) pixels.

    Source: P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks applied to
    visual document analysis", ICDAR 2003. (The noise is on a grid of 1.7 `sigma` pixels instead of one, and
    smoothed by a spline, which looks the same, at a fraction of the cost.)
    """

    alpha: Range = parameter((10.0, 34.0), "strength", low=0, high=200, unit="pixels")
    sigma: float = parameter(4.0, "smoothness", low=2, high=20, unit="pixels", single=True)
    p: float = probability("glyph")

    def _lengths(self, factor: float) -> dict[str, Any]:
        # the offsets, which are in proportion to alpha / sigma, get longer, too
        return super()._lengths(factor) | {"alpha": tuple(alpha * factor**2 for alpha in self.alpha)}

    def grown(self, height: int, width: int) -> tuple[int, int]:
        far = 2 * math.ceil(float(FARTHEST * self._deviation(self.alpha[1])))
        return height + far, width + far

    def outline(self, points: Outline, rows: Rows) -> Outline:
        alpha = self.draw_strengths(rows, len(points))
        # an edge consists of patches that move independently: the one that moves farthest outward counts
        long = (points.max(axis=2) - points.min(axis=2))[:, ::-1] / (PATCH * self.sigma)
        return enlarged(points, self._deviation(alpha)[:, None] * OUTWARD * np.log2(np.maximum(long, 1)))

    def draw(self, rows: Rows, n: int, cell: tuple[int, int]) -> Parameters:
        parameters = super().draw(rows, n, cell)
        grid = [_nodes(length, self.sigma / DEVIATION) for length in cell]
        parameters["noise"] = random_integers(rows, "noise", (2, *grid), np.uint8, n)
        parameters["cell"] = np.broadcast_to(np.array(cell), (len(parameters["alpha"]), 2))
        return parameters

    def displacement(self, parameters: Parameters, size: tuple[int, int]) -> Displacement:
        drawn_for = parameters["cell"][0].tolist()
        spacing = self.sigma / DEVIATION
        (first_row, rows), (first, columns) = (
            _weights(length, whole, spacing) for length, whole in zip(size, drawn_for)
        )
        noise = parameters["noise"][:, :, first_row : first_row + rows.shape[1], first : first + columns.shape[1]]
        noise = noise.astype(np.float32) * 2 - 255  # odd whole numbers, -255 … 255
        values = noise @ columns.T  # sums of whole numbers
        unit = FARTHEST * self._deviation(parameters["alpha"]) * VALUE_STEPS / (255 * WEIGHT_STEPS)
        values *= unit.astype(np.float32)[:, None, None, None]
        np.rint(values, out=values)
        values *= np.float32(1 / VALUE_STEPS)
        return rows * np.float32(1 / WEIGHT_STEPS), values

    def farthest(self, parameters: Parameters) -> NDArray[np.float64]:
        return FARTHEST * self._deviation(parameters["alpha"])

    def _deviation(self, alpha: float | NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(alpha) / (math.sqrt(12 * math.pi) * self.sigma)


def _nodes(length: int, spacing: float) -> int:
    """How many nodes, `spacing` pixels apart, reach all of `length` pixels."""
    return 2 * math.ceil(length / 2 / spacing) + 4


@lru_cache(maxsize=256)
def _weights(length: int, drawn_for: int, spacing: float) -> tuple[int, NDArray[np.float32]]:
    """The spline in the middle `length` of `drawn_for` pixels, with nodes that are `spacing` pixels apart.

    Returns the first node that counts, and float32 (length, nodes), whole numbers that add up to `WEIGHT_STEPS`.
    """
    nodes = _nodes(drawn_for, spacing)
    pixel = (np.arange(length) - (length - 1) / 2) / spacing + (nodes - 1) / 2
    away = np.abs(pixel[:, None] - np.arange(nodes))
    share = np.where(away < 1, (4 - 6 * away**2 + 3 * away**3) / 6, np.clip(2 - away, 0, None) ** 3 / 6)
    # differences of the rounded sums: rounding the shares themselves would change the total
    weights = np.diff(np.rint(share.cumsum(axis=1) * WEIGHT_STEPS), axis=1, prepend=0).astype(np.float32)
    used = np.flatnonzero(weights.any(axis=0))
    return int(used[0]), np.ascontiguousarray(weights[:, used[0] : used[-1] + 1])
