"""Uniform random numbers turned into what operations draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.random_streams import WORDS_PER_BLOCK, Rows

Range = tuple[float, float]  # (low, high): uniform in between; equal ends: exactly this


def draw_uniform(draws: NDArray[np.float64], bounds: Range) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1) stretched to `bounds`."""
    low, high = bounds
    return low + draws * (high - low)


def draw_step(draws: NDArray[np.float64], bounds: Range, steps: int) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1) turned into one of `steps` numbers, evenly spaced within `bounds`."""
    step = draw_integer(draws, (0, steps - 1)).astype(np.float64)
    return np.minimum(draw_uniform(step / (steps - 1), bounds), bounds[1])


def draw_integer(draws: NDArray[np.float64], bounds: Range) -> NDArray[np.int64]:
    """Uniform numbers in [0, 1) turned into whole numbers within `bounds`, both included."""
    low, high = bounds
    return (low + np.floor(draws * (high - low + 1))).astype(np.int64)


def draw_word(draws: NDArray[np.float64], word: str, words: Sequence[str]) -> NDArray[np.int64]:
    """Uniform numbers in [0, 1) turned into indices of `words`: of any of them for "any", else of `word`."""
    if word == "any":
        return draw_integer(draws, (0, len(words) - 1))
    return np.full(len(draws), words.index(word))


def random_integers(
    rows: Rows, purpose: str, shape: tuple[int, ...], dtype: type[np.unsignedinteger[Any]], n: int = 1
) -> NDArray[Any]:
    """Whole numbers evenly spread over the range of `dtype`, (B·n, *shape), for n items of every row."""
    count, per_word = math.prod(shape), 8 // np.dtype(dtype).itemsize
    words = -(-count // per_word)
    # whole blocks, as rows of words are made: they need no copy to be viewed as another type
    table = rows.words(purpose, round_up(words * n, WORDS_PER_BLOCK))
    numbers = np.ascontiguousarray(table).view(dtype)[:, : words * n * per_word]
    return numbers.reshape(-1, words * per_word)[:, :count].reshape(-1, *shape)


def round_up(size: int, step: int) -> int:
    """The smallest multiple of `step` that is at least `size`."""
    return -(-size // step) * step


def centred(table: NDArray[Any], size: tuple[int, ...]) -> NDArray[Any]:
    """The middle (N, h, w) of a table: as much as there is of `size`. All sizes are even."""
    (height, width), (tall, wide) = table.shape[1:], size
    top, left = max(height - tall, 0) // 2, max(width - wide, 0) // 2
    return table[:, top : height - top, left : width - left]
