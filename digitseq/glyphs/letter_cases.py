"""Letters in the case that a data set lacks, out of the glyphs of the other case."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from digitseq.glyphs.bank import GlyphBank
from digitseq.glyphs.letter_layout import other_cases


def doubled(bank: GlyphBank) -> GlyphBank:
    """The same bank with classes to add (`with_cases`) for the other case of letters that look alike in both.

    Their glyphs are those of the case that the data set has. A letter layout draws them in another size or place.
    """
    added, whole = other_cases(bank.characters), bank.with_signs()
    if not added or whole.cases:
        return bank
    glyphs = [np.arange(*ends) for ends in pairwise(whole.class_start.tolist())]
    glyphs[whole.own : whole.own] = [glyphs[source] for source in added.values()]
    characters = whole.characters[: whole.own] + "".join(added) + whole.characters[whole.own :]
    return whole.grouped(glyphs, characters=characters, cases=len(added), origin=(doubled, bank)).bare()
