"""Single glyphs out of a bank."""

from __future__ import annotations

import numpy as np

from digitseq.glyphs.bank import GlyphBank


def ink_of(bank: GlyphBank, glyph: int) -> np.ndarray:
    """uint8 (h, w): the glyph, cropped to its ink."""
    first = bank.start[glyph]
    columns = bank.columns[first : first + bank.width[glyph], bank.top[glyph] : bank.bottom[glyph]]
    return np.ascontiguousarray(columns.T)
