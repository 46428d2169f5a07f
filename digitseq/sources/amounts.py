"""Texts as people write amounts of money, digits only: usual lengths, small first digits, many round ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digitseq.random_streams import Rows
from digitseq.settings import Settings
from digitseq.sources.base import Codes, Source, text_rows
from digitseq.sources.random_digits import DIGITS, below


def from_settings(settings: Settings, characters: str) -> Amounts:
    assert settings.amounts is not None
    return Amounts(*settings.amounts)


def _limits(weights: Sequence[int]) -> NDArray[np.uint32]:
    """uint32 (n-1,): random numbers of 32 bits below limit k stand for choice k or an earlier one of the n choices."""
    return (np.cumsum(weights)[:-1] * 2**32 // sum(weights)).astype(np.uint32)


LENGTH_WEIGHTS = (1, 5, 13, 17, 17, 15, 10, 15, 4, 3)  # of 1 … 10 digits; longer ones have the last weight, too
# What is special about a text, one choice a column: nothing; 1 … 4 zeros at its end; 2 or 3 equal digits in a row.
ZEROS = np.array([0, 1, 2, 3, 4, 0, 0])
EQUAL = np.array([1, 1, 1, 1, 1, 2, 3])
SPECIAL = _limits([5500, 875, 1050, 1225, 350, 500, 500])
SHORTEST_ROUND = 3
FIRST_DIGIT = (2**32 * np.log10(np.arange(2, 10))).astype(np.uint32)  # Benford: 1 … d have the share log10(1 + d)


class Amounts(Source):
    """Amounts of minimum … maximum digits, of which the first is never 0.

    Lengths follow `LENGTH_WEIGHTS`, and first digits Benford's law; all other digits are uniform at first. Then the
    last one to four digits become 0 in 35 % of the texts of three digits or more, though never the first digit, and two
    or three digits in a row become equal in another tenth of all texts.

    minimum, maximum: 1 … 255, in this order. `Settings` checks them.
    """

    characters = DIGITS
    count: int

    def __init__(self, minimum: int = 1, maximum: int = 10) -> None:
        self.minimum, self.maximum = minimum, maximum
        self.max_length = maximum
        lengths = range(minimum, maximum + 1)
        self.count = sum(9 * 10 ** (length - 1) for length in lengths)  # every one can come
        self.limits = _limits([LENGTH_WEIGHTS[min(length, len(LENGTH_WEIGHTS)) - 1] for length in lengths])

    def longest(self) -> str:
        return ("1234567890" * self.maximum)[: self.maximum]

    def codes(self, rows: Rows) -> Codes:
        # two numbers of 32 bits out of every word: length, what is special, where; then one a digit
        words = text_rows(rows).words("amounts", self.maximum // 2 + 2)
        random_bits = np.ascontiguousarray(words).view(np.uint32)
        length = self.minimum + _chosen(random_bits[:, 0], self.limits)
        special = _chosen(random_bits[:, 1], SPECIAL)
        digits = below(random_bits[:, 3 : 3 + self.maximum], 10)
        digits[:, 0] = 1 + _chosen(random_bits[:, 3], FIRST_DIGIT)
        place = np.arange(self.maximum)
        equal = np.minimum(EQUAL[special], length)
        start = below(random_bits[:, 2], length - equal + 1)[:, None]
        inside = (place >= start) & (place < start + equal[:, None])
        digits = np.where(inside, np.take_along_axis(digits, start, axis=1), digits)
        zeros = np.minimum(ZEROS[special], length - 1) * (length >= SHORTEST_ROUND)
        digits *= place < (length - zeros)[:, None]
        return ((digits + ord("0")) * (place < length[:, None])).astype(np.uint32)


def _chosen(random_bits: NDArray[np.uint32], limits: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Random numbers of 32 bits as choices 0 … len(limits)."""
    return np.searchsorted(limits, random_bits, side="right")
