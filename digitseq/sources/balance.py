"""Random digits in which every character occurs equally often over a run."""

from __future__ import annotations

import operator
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import SettingsError
from digitseq.sources.base import Codes, Source, text_rows
from digitseq.sources.permutation import Permutation
from digitseq.sources.random_digits import RandomDigits
from digitseq.streams import Rows

MAX_SIZE = 1_000_000_000


def balanced(source: Source, size: int) -> Source:
    """A source like `source` with every character equally often, to within one glyph, in images 0 … size-1.

    Possible for random digits, whose characters can be dealt out; the texts of the other sources (a fixed
    number, lines of a file, phone numbers, patterns) say themselves how often a character occurs:
    `SettingsError`.
    """
    if not isinstance(source, RandomDigits):
        raise SettingsError(
            "balanced works with random_digits and random_text only: other sources fix how often a character occurs",
            "balanced",
        )
    return BalancedDigits(source, size)


def check_size(size: Any, setting: str) -> None:
    """Raises `SettingsError` unless `size` is a whole number 1 … 10⁹."""
    try:
        inside = not isinstance(size, (bool, np.bool_)) and 1 <= operator.index(size) <= MAX_SIZE
    except TypeError:
        inside = False
    if not inside:
        raise SettingsError(f"{setting}: size must be a whole number from 1 to {MAX_SIZE:,}, got {size!r:.60}", setting)


@dataclass(frozen=True)
class BalancedDigits:
    """`digits` with the characters dealt from one pack that holds each of them equally often, to within one.

    The images are permuted, and the permuted numbers shared out evenly among the lengths: so every glyph of the
    run has a place in one line of all glyphs, in closed form. The place, permuted, modulo the number of
    characters is the character. Images from `size` on repeat the run.
    """

    digits: RandomDigits
    size: int

    def __post_init__(self) -> None:
        check_size(self.size, "balanced")

    def __reduce__(self) -> tuple[type[BalancedDigits], tuple[RandomDigits, int]]:
        return BalancedDigits, (self.digits, self.size)

    @property
    def max_length(self) -> int:
        return self.digits.max_length

    @property
    def count(self) -> int | None:
        return None

    @property
    def characters(self) -> Collection[str]:
        return self.digits.characters

    def longest(self) -> str:
        return self.digits.longest()

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        """int64 (lengths + 1,): the first permuted image of each length."""
        lengths = len(self.digits.lengths)
        return np.arange(lengths + 1, dtype=np.int64) * self.size // lengths

    @cached_property
    def _glyphs_before(self) -> NDArray[np.int64]:
        """int64 (lengths + 1,): glyphs in all shorter texts; the last is the number of glyphs in the run."""
        return np.concatenate([[0], np.cumsum(np.diff(self._starts) * np.array(self.digits.lengths))])

    def codes(self, rows: Rows) -> Codes:
        rows = text_rows(rows)
        image = Permutation.of(rows, "balanced image")(rows.index % self.size, self.size)
        which = np.searchsorted(self._starts, image, side="right") - 1
        length = self.digits.minimum + which
        first = self._glyphs_before[which] + (image - self._starts[which]) * length
        column = np.arange(self.max_length)
        inside = column < length[:, None]
        deal = Permutation.of(rows, "balanced glyph")
        dealt = deal((first[:, None] + column)[inside], self._glyphs_before[-1])
        codes = np.zeros(inside.shape, np.uint32)
        codes[inside] = self.digits.table[dealt % len(self.digits.characters)]
        return codes
