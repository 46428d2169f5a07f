"""The characters that can be written with the classes of a data set."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

CASES = ("as_given", "upper", "lower")


def classes(characters: str) -> dict[str, int]:
    """The class of every character that a text may contain. Class c is characters[c].

    A letter that the data set has in one case only has the same class in the other case, unless it is a class of its
    own there, see `letter_cases`.
    """
    found = {character: number for number, character in enumerate(characters)}
    for number, character in enumerate(characters):
        other = character.swapcase()
        if len(other) == 1 and other.swapcase() == character:
            found.setdefault(other, number)
    return found


def class_table(characters: str) -> NDArray[np.int64]:
    """int64 (largest code point + 2,): the class of every code point, -1 if it has none. The last entry is -1."""
    known = {ord(character): number for character, number in classes(characters).items()}
    table = np.full(max(known) + 2, -1)
    table[list(known)] = list(known.values())
    return table


@lru_cache(maxsize=16)
def label_table(characters: str, case: str, drawn: bool = False) -> NDArray[np.uint32] | None:
    """uint32 (largest code point + 1,): what stands in a label for every code point of a text; None: the same.

    case: one of CASES. With "as_given" and `drawn`, it is the character of the class whose glyph is drawn: where a data
    set has an A only, whose glyphs may be small ones or capitals, a label has the A for both.
    """
    if case == "as_given" and not drawn:
        return None
    table = np.arange(max(map(ord, classes(characters))) + 1, dtype=np.uint32)
    for character, number in classes(characters).items():
        changed = {"upper": character.upper(), "lower": character.lower()}.get(case, characters[number])
        if len(changed) == 1:  # "ß".upper() is "SS": such letters stay as they are
            table[ord(character)] = ord(changed)
    return table if (table != np.arange(len(table))).any() else None
