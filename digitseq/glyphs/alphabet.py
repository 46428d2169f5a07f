"""Which characters can be written with the classes of a data set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CASES = ("as_given", "upper", "lower")


def classes(characters: str) -> dict[str, int]:
    """The class of every character that a text may have, class c being that of characters[c].

    Of a letter that is there in one case only, that class stands for the other case, too.
    """
    found = {character: number for number, character in enumerate(characters)}
    for number, character in enumerate(characters):
        other = character.swapcase()
        if len(other) == 1 and other.swapcase() == character:
            found.setdefault(other, number)
    return found


def class_table(characters: str) -> NDArray[np.int64]:
    """int64 (largest code point + 2,): the class of every code point, -1 for those without one."""
    known = {ord(character): number for character, number in classes(characters).items()}
    table = np.full(max(known) + 2, -1)
    table[list(known)] = list(known.values())
    return table


def case_table(characters: str, case: str) -> NDArray[np.uint32] | None:
    """uint32 (largest code point + 1,): every code point in the case that labels have; None for "as_given"."""
    if case == "as_given":
        return None
    table = np.arange(max(map(ord, classes(characters))) + 1, dtype=np.uint32)
    for character in classes(characters):
        changed = character.upper() if case == "upper" else character.lower()
        if len(changed) == 1:
            table[ord(character)] = ord(changed)
    return table
