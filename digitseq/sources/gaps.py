"""Characters for which there are no glyphs."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from digitseq.errors import SettingsError
from digitseq.glyphs.alphabet import classes
from digitseq.glyphs.catalog import DATA_SETS
from digitseq.sources.base import Source
from digitseq.sources.fixed import FixedSource
from digitseq.sources.lines import NumbersFile


def check_characters(source: Source, characters: Collection[str], gaps: bool) -> None:
    """Raises `SettingsError` when `source` has a character that cannot be written, or no other.

    characters: those of the data set; a letter that it has in one case only can be written in both.
    gaps: punctuation, symbols and the space may lack, and become gaps; letters and digits never may, as the label
    would then name what the image does not show.
    """
    found, known = set(source.characters), classes("".join(characters)).keys()
    missing = sorted(found - known)
    refused = [c for c in missing if not (gaps and can_be_gap(c))]
    if refused:
        hint = "; give --gaps to leave a gap for it" if can_be_gap(refused[0]) else ""
        hint += _holders(refused[0])
        raise SettingsError(_refusal(source, refused[0], "".join(characters)) + hint, _setting(source))
    if found and not found & known:
        raise SettingsError("nothing but gaps would be written: give a text with a digit in it", _setting(source))


def can_be_gap(character: str) -> bool:
    """Whether a gap may stand for `character`: punctuation, a symbol, or the space."""
    return character == " " or unicodedata.category(character)[0] in "PS"


def _refusal(source: Source, character: str, allowed: str) -> str:
    named, allowed = f"{character!r} (U+{ord(character):04X})", allowed if len(allowed) <= 80 else f"{allowed[:80]}…"
    if isinstance(source, FixedSource):
        return f"number may hold {allowed} only, got {named} as character {source.text.index(character) + 1}"
    if isinstance(source, NumbersFile):
        return f"{source.name}, line {source.line_with(character):,}: the data set has no {named}, only {allowed}"
    return f"the data set has no {named}, only {allowed}"


def _holders(character: str) -> str:
    """Which data sets have `character`, where any has."""
    names = [name for name, row in DATA_SETS.items() if character in classes(row.characters)]
    return f"; it is in {', '.join(names)} (--dataset)" if names else ""


def _setting(source: Source) -> str:
    return "number" if isinstance(source, FixedSource) else "gaps"
