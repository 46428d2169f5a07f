"""Weighted means of rows of pixels with whole weights: they scale images, the same on every machine."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Pixels

WEIGHTS = 256  # what the weights of a mean add up to: with 8-bit pixels, sums stay within 16 bits
# Index and weight, (K, m) each: result row j is the mean of the K rows index[:, j], weighted with weight[:, j].
RowWeights = tuple[NDArray[np.int64], NDArray[np.uint16]]


def integer_weights(share: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Shares, which add up to one along the first axis, as whole numbers that add up to `WEIGHTS`."""
    # differences of the rounded sums: rounding the shares themselves would change the total
    up_to = np.rint(np.cumsum(share, axis=0) * WEIGHTS).astype(np.uint16)
    return np.diff(up_to, axis=0, prepend=np.zeros_like(up_to[:1]))


@lru_cache(maxsize=256)
def area_weights(size: int, factor: float) -> RowWeights:
    """Means over areas `factor` long, one more than cover `size` pixels."""
    edge = np.arange(math.ceil(size / factor) + 2) * factor
    pixel = np.floor(edge[:-1]).astype(np.int64) + np.arange(math.ceil(factor) + 1)[:, None]
    covered = np.clip(np.minimum(pixel + 1, edge[1:]) - np.maximum(pixel, edge[:-1]), 0, None)
    weight = integer_weights(covered / factor)
    needed = weight.any(axis=1)
    return np.minimum(pixel, size - 1)[needed], weight[needed]


@lru_cache(maxsize=256)
def linear_weights(size: int, factor: float) -> RowWeights:
    """Linear interpolation of `size` pixels between the middles of areas `factor` long."""
    place = np.clip((np.arange(size) + 0.5) / factor - 0.5, 0, None)
    first = np.floor(place).astype(np.int64)
    return np.stack([first, first + 1]), integer_weights(np.stack([1 - (place - first), place - first]))


def weighted_means(pixels: Pixels, weights: RowWeights) -> Pixels:
    """Weighted means of rows: uint8 (N, h, w) in, (N, m, w) out."""
    index, weight = weights
    count, _, width = pixels.shape
    total = np.full((count, index.shape[1] * width), WEIGHTS // 2, np.uint16)
    for rows, shares in zip(index, weight):
        total += pixels.take(rows, axis=1).reshape(total.shape) * shares.repeat(width)
    return (total // WEIGHTS).astype(np.uint8).reshape(count, -1, width)


def enlarged(grid: Pixels, cell: tuple[float, float], size: tuple[int, ...]) -> Pixels:
    """Linear interpolation of grids (N, h, w), whose cells are `cell` pixels high and wide, to images (N, *size)."""
    # columns are scaled as rows of the transposed grids
    wide = _longer(np.ascontiguousarray(grid.transpose(0, 2, 1)), cell[1], size[1])
    return _longer(np.ascontiguousarray(wide.transpose(0, 2, 1)), cell[0], size[0])


def _longer(grid: Pixels, cell: float, size: int) -> Pixels:
    return grid[:, :size] if cell == 1 else weighted_means(grid, linear_weights(size, cell))
