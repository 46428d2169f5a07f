"""Characters that have no glyphs in the data set."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from digitseq.errors import SettingsError
from digitseq.glyphs.alphabet import classes
from digitseq.glyphs.catalog import DATA_SETS
from digitseq.glyphs.strokes import SIGNS
from digitseq.sources.base import Source


def check_characters(source: Source, characters: Collection[str], signs: str) -> None:
    """Raises `SettingsError` if `source` has a character that cannot be written, or no other.

    characters: those of the data set. A letter that it has in one case only is accepted in both.
    signs: as in `Settings`. Letters and digits never become gaps: the label would claim something that the image does
    not show.
    """
    found, known = set(source.characters), set(classes("".join(characters)))
    if signs == "draw":
        known |= SIGNS.keys()
    for character in sorted(found - known):
        if not (can_be_gap(character) if signs == "gap" else signs == "draw" and character == " "):
            allowed = "".join(characters) + "".join(SIGNS) * (signs == "draw")
            message = source.refusal(character, allowed if len(allowed) <= 80 else f"{allowed[:80]}…")
            hint = ""
            if can_be_gap(character):
                drawn = signs == "refuse" and (character in SIGNS or character == " ")
                hint = "; `signs` draw allows it" if drawn else "; `signs` gap leaves a gap for it"
            having = [name for name, row in DATA_SETS.items() if character in classes(row.characters)]
            hint += f"; it is in {', '.join(having)} (`dataset`)" if having else ""
            raise SettingsError(message + hint, source.refused_setting)
    if found and not found & known:
        raise SettingsError("nothing but gaps would be written: give a text with a digit in it", source.refused_setting)


def can_be_gap(character: str) -> bool:
    """Whether a gap may stand for `character`: punctuation, a symbol, or the space."""
    return character == " " or unicodedata.category(character)[0] in "PS"
