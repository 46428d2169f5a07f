"""Texts of random length out of random characters."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import SettingsError
from digitseq.options import MAX_TEXT
from digitseq.random_streams import Rows
from digitseq.sources.base import Codes, Source, text_rows

if TYPE_CHECKING:
    from digitseq.settings import Settings

DIGITS = "0123456789"


def from_settings(settings: Settings, characters: str) -> RandomDigits:
    if settings.random_digits is not None:
        return RandomDigits(*settings.random_digits)
    assert settings.random_text is not None
    return RandomDigits(*settings.random_text, characters)


def folder_name(settings: Settings) -> str:
    return "random" if settings.random_digits is not None else "random-text"


@dataclass(frozen=True)
class RandomDigits(Source):
    """Length uniform in minimum … maximum, both included; every character uniform among `characters`.

    minimum, maximum: 1 … 255; characters: at least one, all different.
    Raises `SettingsError` for anything else.
    """

    minimum: int
    maximum: int
    characters: str = DIGITS

    def __post_init__(self) -> None:
        object.__setattr__(self, "minimum", _length(self.minimum))
        object.__setattr__(self, "maximum", _length(self.maximum))
        check_alphabet(self.characters)
        if self.minimum > self.maximum:
            raise SettingsError(
                "random_digits must be the smallest and the largest length in this order, "
                f"got {self.minimum} and {self.maximum}",
                "random_digits",
            )

    def __reduce__(self) -> tuple[type[RandomDigits], tuple[int, int, str]]:
        return RandomDigits, (self.minimum, self.maximum, self.characters)

    @property
    def max_length(self) -> int:
        return self.maximum

    @property
    def count(self) -> int:
        return sum(len(self.characters) ** length for length in self.lengths)

    @property
    def lengths(self) -> range:
        """All lengths that a text can have."""
        return range(self.minimum, self.maximum + 1)

    def longest(self) -> str:
        return (self.characters * self.maximum)[: self.maximum]

    @cached_property
    def table(self) -> Codes:
        """uint32 (C,): the code point of every character."""
        return np.array([ord(c) for c in self.characters], np.uint32)

    def codes(self, rows: Rows) -> Codes:
        # two numbers of 32 bits out of every word: the first for the length, then one a character
        words = text_rows(rows).words("random", self.maximum // 2 + 1)
        random_bits = np.ascontiguousarray(words).view(np.uint32)[:, : self.maximum + 1]
        chosen = _below(random_bits[:, 1:], len(self.characters))
        codes = self.table[chosen]
        if self.minimum < self.maximum:
            length = self.minimum + _below(random_bits[:, 0], len(self.lengths))
            codes *= np.arange(self.maximum) < length[:, None]
        return codes


def _below(random_bits: NDArray[np.uint32], limit: int) -> NDArray[np.int64]:
    """Random numbers of 32 bits as whole numbers 0 … limit-1."""
    return ((random_bits.astype(np.uint64) * np.uint64(limit)) >> np.uint64(32)).astype(np.int64)


def _length(value: Any) -> int:
    try:
        length = 0 if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        length = 0
    if not 1 <= length <= MAX_TEXT:
        raise SettingsError(
            f"random_digits must be two whole numbers from 1 to {MAX_TEXT}, got {value!r:.60}", "random_digits"
        )
    return length


def check_alphabet(characters: Any) -> None:
    """Raises `SettingsError` unless `characters` is a text of one or more different characters."""
    if not isinstance(characters, str) or not characters or len(set(characters)) != len(characters):
        raise SettingsError(f"characters must be a text of different characters, got {characters!r:.60}", "characters")
