"""The same text for every image."""

from __future__ import annotations

from digitseq.random_streams import Rows
from digitseq.settings import Settings
from digitseq.sources.base import Codes, Source, encode, named


def from_settings(settings: Settings, characters: str) -> FixedSource:
    assert settings.number is not None
    return FixedSource(settings.number)


def folder_name(settings: Settings) -> str:
    return settings.number or ""


class FixedSource(Source):
    """`text`, 1 to 255 characters, for every image."""

    count = period = 1
    refused_setting = "number"

    def __init__(self, text: str) -> None:
        self.text, self.max_length, self.characters = text, len(text), frozenset(text)

    def longest(self) -> str:
        return self.text

    def codes(self, rows: Rows) -> Codes:
        return encode([self.text], self.max_length).repeat(len(rows), axis=0)

    def refusal(self, character: str, allowed: str) -> str:
        place = self.text.index(character) + 1
        return f"the text may have {allowed} only, got {named(character)} as character {place}"
