"""Smooth random fields: a few random bytes on a coarse grid, enlarged to the size of an image, the same on any machine.

Enlarging is two products with matrices of whole numbers. All sums stay below 2²⁴, so that float32 holds them exactly
and they do not depend on the order in which a library adds.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Pixels
from digitseq.augment.means import WEIGHTS, linear_weights

PEAK = 127  # fields are from -PEAK to PEAK


def grid_shape(size: tuple[int, ...], cell: tuple[float, float]) -> tuple[int, int]:
    """Rows and columns of a grid, with cells of this height and width, for images of `size`."""
    rows, columns = (math.ceil(pixels / length) + 1 for pixels, length in zip(size, cell))
    return rows, columns


def smooth_field(grid: Pixels, cell: tuple[float, float], size: tuple[int, ...]) -> NDArray[np.int16]:
    """int16 (N, *size), -127 … 127: linear interpolation of random bytes (N, at least `grid_shape`)."""
    rows, columns = grid_shape(size, cell)
    values = grid[:, :rows, :columns].astype(np.float32)
    values -= np.float32(PEAK + 1)
    np.maximum(values, np.float32(-PEAK), out=values)
    down, across = _interpolation(size[0], cell[0]), _interpolation(size[1], cell[1])
    field = down.T @ values @ across
    field *= np.float32(1 / WEIGHTS**2)  # a power of two: exact
    return field.astype(np.int16)


@lru_cache(maxsize=256)
def _interpolation(size: int, cell: float) -> NDArray[np.float32]:
    """float32 (cells, size): whole weights, with the sum `WEIGHTS`, of the cells of a line in each of its pixels."""
    index, weight = linear_weights(size, cell)
    matrix = np.zeros((math.ceil(size / cell) + 1, size), np.float32)
    for first, share in zip(index, weight):
        matrix[np.minimum(first, len(matrix) - 1), np.arange(size)] += share
    return matrix
