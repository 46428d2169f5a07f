"""Characters that have no glyphs."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from digitseq.errors import SettingsError
from digitseq.glyphs.alphabet import classes
from digitseq.glyphs.catalog import DATA_SETS
from digitseq.sources.base import Source


def check_characters(source: Source, characters: Collection[str], gaps: bool) -> None:
    """Raises `SettingsError` if `source` has a character that cannot be written, or no other.

    characters: those of the data set. A letter that it has in one case only is accepted in both.
    gaps: punctuation, symbols and the space may have no glyph, and become gaps. Letters and digits never may: the label
    would claim something that the image does not show.
    """
    found, known = set(source.characters), classes("".join(characters)).keys()
    for character in sorted(found - known):
        if not (gaps and can_be_gap(character)):
            allowed = "".join(characters)
            message = source.refusal(character, allowed if len(allowed) <= 80 else f"{allowed[:80]}…")
            hint = "; give --gaps to leave a gap for it" if can_be_gap(character) else ""
            having = [name for name, row in DATA_SETS.items() if character in classes(row.characters)]
            hint += f"; it is in {', '.join(having)} (--dataset)" if having else ""
            raise SettingsError(message + hint, source.refused_setting)
    if found and not found & known:
        raise SettingsError("nothing but gaps would be written: give a text with a digit in it", source.refused_setting)


def can_be_gap(character: str) -> bool:
    """Whether a gap may stand for `character`: punctuation, a symbol, or the space."""
    return character == " " or unicodedata.category(character)[0] in "PS"
