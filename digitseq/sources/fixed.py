"""The same text for every image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from digitseq.errors import SettingsError
from digitseq.options import MAX_TEXT
from digitseq.random_streams import Rows
from digitseq.sources.base import Codes, Source, encode, named

if TYPE_CHECKING:
    from digitseq.settings import Settings


def from_settings(settings: Settings, characters: str) -> FixedSource:
    assert settings.number is not None
    return FixedSource(settings.number)


def folder_name(settings: Settings) -> str:
    return settings.number or ""


@dataclass(frozen=True)
class FixedSource(Source):
    """`text` for every image. Raises `SettingsError` unless it has 1 to 255 characters."""

    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not 1 <= len(self.text) <= MAX_TEXT:
            raise SettingsError(f"number must be a text of 1 to {MAX_TEXT} characters, got {self.text!r:.60}", "number")

    @property
    def max_length(self) -> int:
        return len(self.text)

    @property
    def count(self) -> int:
        return 1

    @property
    def characters(self) -> frozenset[str]:
        return frozenset(self.text)

    def longest(self) -> str:
        return self.text

    def codes(self, rows: Rows) -> Codes:
        return encode([self.text], self.max_length).repeat(len(rows), axis=0)

    def refusal(self, character: str, allowed: str) -> str:
        place = self.text.index(character) + 1
        return f"number may hold {allowed} only, got {named(character)} as character {place}"

    @property
    def refused_setting(self) -> str:
        return "number"
