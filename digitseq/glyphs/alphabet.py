"""The characters that can be written with the classes of a data set."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

CASES = ("as_given", "upper", "lower")


def classes(characters: str) -> dict[str, int]:
    """The class of every character that a text may contain. Class c is characters[c].

    A letter that the data set has in one case only has the same class in the other case.
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
def case_table(characters: str, case: str) -> NDArray[np.uint32] | None:
    """uint32 (largest code point + 1,): every code point converted to `case`, one of CASES; None for "as_given"."""
    if case == "as_given":
        return None
    table = np.arange(max(map(ord, classes(characters))) + 1, dtype=np.uint32)
    for character in classes(characters):
        changed = character.upper() if case == "upper" else character.lower()
        if len(changed) == 1:  # "ß".upper() is "SS": such letters stay as they are
            table[ord(character)] = ord(changed)
    return table
