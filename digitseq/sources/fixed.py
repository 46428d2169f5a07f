"""The same text for every image."""

from __future__ import annotations

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


class FixedSource(Source):
    """`text` for every image. Raises `SettingsError` unless it has 1 to 255 characters."""

    count = period = 1
    refused_setting = "number"

    def __init__(self, text: str) -> None:
        if not isinstance(text, str) or not 1 <= len(text) <= MAX_TEXT:
            raise SettingsError(f"number must be a text of 1 to {MAX_TEXT} characters, got {text!r:.60}", "number")
        self.text, self.max_length, self.characters = text, len(text), frozenset(text)

    def longest(self) -> str:
        return self.text

    def codes(self, rows: Rows) -> Codes:
        return encode([self.text], self.max_length).repeat(len(rows), axis=0)

    def refusal(self, character: str, allowed: str) -> str:
        place = self.text.index(character) + 1
        return f"number may hold {allowed} only, got {named(character)} as character {place}"
