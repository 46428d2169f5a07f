"""Texts of random length out of random characters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from digitseq.random_streams import Rows
from digitseq.settings import Settings
from digitseq.sources.base import Codes, Source, text_rows

DIGITS = "0123456789"


def from_settings(settings: Settings, characters: str) -> RandomDigits:
    if settings.random_digits is not None:
        return RandomDigits(*settings.random_digits)
    assert settings.random_text is not None
    return RandomDigits(*settings.random_text, characters)


def folder_name(settings: Settings) -> str:
    return "random" if settings.random_digits is not None else "random-text"


class RandomDigits(Source):
    """Length uniform in minimum … maximum, both included; every character uniform among `characters`.

    minimum, maximum: 1 … 255, in this order; characters: at least one, all different. `Settings` checks them.
    """

    characters: str
    count: int

    def __init__(self, minimum: int, maximum: int, characters: str = DIGITS) -> None:
        self.minimum, self.maximum, self.characters = minimum, maximum, characters
        self.max_length = self.maximum
        self.lengths = range(self.minimum, self.maximum + 1)
        self.count = sum(len(characters) ** length for length in self.lengths)
        self.table = np.array([ord(c) for c in characters], np.uint32)  # the code point of every character

    def longest(self) -> str:
        return (self.characters * self.maximum)[: self.maximum]

    def codes(self, rows: Rows) -> Codes:
        # two numbers of 32 bits out of every word: the first for the length, then one a character
        words = text_rows(rows).words("random", self.maximum // 2 + 1)
        random_bits = np.ascontiguousarray(words).view(np.uint32)[:, : self.maximum + 1]
        chosen = below(random_bits[:, 1:], len(self.characters))
        codes = self.table[chosen]
        if self.minimum < self.maximum:
            length = self.minimum + below(random_bits[:, 0], len(self.lengths))
            codes *= np.arange(self.maximum) < length[:, None]
        return codes


def below(random_bits: NDArray[np.uint32], limit: int | NDArray[np.int64]) -> NDArray[np.int64]:
    """Random numbers of 32 bits as whole numbers 0 … limit-1; limit: one for all, or one each."""
    return ((random_bits.astype(np.uint64) * np.uint64(limit)) >> np.uint64(32)).astype(np.int64)
