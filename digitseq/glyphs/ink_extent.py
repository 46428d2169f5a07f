"""Which columns and rows of images have ink, for many images that lie in memory column by column."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def inked_columns(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """bool (N, W): which columns of images (N, W, H) have ink."""
    words = images.view(f"u{math.gcd(images.shape[2], 8)}")  # several pixels at a time
    inked: NDArray[np.bool_] = np.bitwise_or.reduce(words, axis=2) != 0
    return inked


def inked_rows(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """bool (N, H): which rows of images (N, W, H) have ink."""
    while (wide := images.shape[1]) > 1:  # halves are faster to combine than columns
        half = (wide + 1) // 2
        images = images[:, :half] | images[:, wide - half :]
    inked: NDArray[np.bool_] = images[:, 0] != 0
    return inked


def ends(inked: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64 (N,) each: the first true of every row, and one past the last."""
    return inked.argmax(axis=1), inked.shape[1] - inked[:, ::-1].argmax(axis=1)
