"""Texts that are given one by one, in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from digitseq.random_streams import Rows
from digitseq.settings import Settings
from digitseq.sources.base import Codes, Source, encode, named


def from_settings(settings: Settings, characters: str) -> GivenTexts:
    return GivenTexts(cast("tuple[str, ...]", settings.numbers))  # which it is once it has been checked


class GivenTexts(Source):
    """Image i gets text i of `texts`, starting again at the first one when there are no more.

    texts: at least one, of 1 to 255 characters each. `Settings` checks them.
    """

    ordered = True
    refused_setting = "numbers"

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.period = self.images = len(texts)
        self.max_length = len(self.longest())
        self.characters = frozenset("".join(texts))
        self._codes = encode(texts, self.max_length)

    def __reduce__(self) -> tuple[Any, ...]:
        return GivenTexts, (self.texts,)

    def longest(self) -> str:
        return max(self.texts, key=len)

    def codes(self, rows: Rows) -> Codes:
        return self._codes[rows.index % len(self.texts)]

    def refusal(self, character: str, allowed: str) -> str:
        number, text = next(found for found in enumerate(self.texts, 1) if character in found[1])
        place = text.index(character) + 1
        return f"text {number:,} of `numbers` may have {allowed} only, got {named(character)} as character {place}"
