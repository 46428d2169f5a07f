"""Smooth random fields: a few random bytes on a coarse grid, enlarged to the size of an image, in whole numbers."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Pixels
from digitseq.augment.means import enlarged

PEAK = 127  # fields are from -PEAK to PEAK


def grid_shape(size: tuple[int, ...], cell: tuple[float, float]) -> tuple[int, int]:
    """Rows and columns of a grid, with cells of this height and width, for images of `size`."""
    rows, columns = (math.ceil(pixels / length) + 1 for pixels, length in zip(size, cell))
    return rows, columns


def smooth_field(grid: Pixels, cell: tuple[float, float], size: tuple[int, ...]) -> NDArray[np.int16]:
    """int16 (N, *size), -127 … 127: linear interpolation of random bytes (N, at least `grid_shape`)."""
    rows, columns = grid_shape(size, cell)
    field = enlarged(np.maximum(grid[:, :rows, :columns], 1), cell, size).astype(np.int16)
    field -= PEAK + 1
    return field
