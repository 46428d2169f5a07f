"""Characters for which there are no glyphs."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from digitseq.errors import SettingsError
from digitseq.sources.base import Source
from digitseq.sources.lines import NumbersFile


def check_characters(source: Source, characters: Collection[str], gaps: bool) -> None:
    """Raises `SettingsError` when `source` has a character that cannot be written.

    characters: those of the data set. gaps: punctuation, symbols and the space may lack, and become gaps;
    letters and digits never may, as the label would then name what the image does not show.
    """
    missing = sorted(set(source.characters) - set(characters))
    refused = [c for c in missing if not (gaps and can_be_gap(c))]
    if not refused:
        return
    first = refused[0]
    place = f" in line {source.line_with(first):,} of {source.name}" if isinstance(source, NumbersFile) else ""
    hint = ": give --gaps to leave a gap for it" if can_be_gap(first) else ""
    raise SettingsError(f"the data set has no {first!r} (U+{ord(first):04X}){place}{hint}", "gaps")


def can_be_gap(character: str) -> bool:
    """Whether a gap may stand for `character`: punctuation, a symbol, or the space."""
    return character == " " or unicodedata.category(character)[0] in "PS"
