"""How wide texts come out: whether an image can hold them, and how wide it would have to be. Nothing is rendered."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from digitseq.composer import layout_glyphs
from digitseq.glyphs.bank import GlyphBank
from digitseq.options import MAX_TEXT, MAX_WIDTH
from digitseq.random_streams import Rows

if TYPE_CHECKING:
    from digitseq.augment import GlyphChain

LEVELS = 64  # glyphs that stand for all of a class: from its narrowest to its widest, at even ranks
MOST_AT_ONCE = 1024  # glyphs whose outlines are in memory together
TRIALS = 256  # how often such glyphs are put together to a text
NARROW = 0.02  # the share of a class that is narrow enough to be chosen where a text needs it


class GlyphWidths:
    """Widths of the glyphs of each class of `bank`, after the distortions of `chain`; gaps are `gap` pixels wide.

    of_class: int64 (C + 2, LEVELS), pixels; class C is that of gaps, and -1 that of no character at all.
    """

    def __init__(self, bank: GlyphBank, chain: GlyphChain | None, gap: int) -> None:
        glyph = _typical(bank)
        plain = width = bank.width[glyph].astype(np.int64)
        if chain is not None:
            parts = np.array_split(glyph.ravel(), -(-glyph.size // MOST_AT_ONCE))
            width = np.concatenate([chain.widths(part) for part in parts]).reshape(glyph.shape)
        others = np.repeat([[gap], [0]], LEVELS, axis=1)
        self.of_class = np.concatenate([width, others])
        # glyphs can be chosen, their distortions cannot
        narrow = np.quantile(plain, NARROW, axis=1) + (width - plain).mean(axis=1)
        self._narrow = np.concatenate([narrow.astype(np.int64), [gap, 0]])
        self.most = int(width.max())

    def narrowest(self, classes: NDArray[np.int64], min_spacing: int) -> NDArray[np.int64]:
        """int64 (B,): pixels that texts take as the narrowest glyphs of their classes (B, n), as close as can be."""
        return _extent(self._narrow[classes], min_spacing)

    def trials(self, classes: NDArray[np.int64], min_spacing: int) -> NDArray[np.int64]:
        """int64 (TRIALS,): pixels that texts (B, n), or one (1, n), take out of glyphs drawn by chance, as close
        as can be. B is TRIALS or 1."""
        levels = _levels()[:, np.arange(classes.shape[1]) % MAX_TEXT]
        return _extent(self.of_class[classes, levels], min_spacing)


@lru_cache(maxsize=1)
def _levels() -> NDArray[np.int64]:
    """int64 (TRIALS, MAX_TEXT): which glyph of its class each character is in each trial."""
    return (Rows.span(0, 0, TRIALS).uniforms("trials", MAX_TEXT) * LEVELS).astype(np.int64)


def _typical(bank: GlyphBank) -> NDArray[np.int64]:
    """int64 (C, LEVELS): glyphs of each class at even ranks of their widths; any glyphs for a class without some."""
    order = np.lexsort([bank.width, bank.label])
    first, count = bank.class_start[:-1, None], np.diff(bank.class_start)[:, None]
    rank = ((np.arange(LEVELS) + 0.5) / LEVELS * count).astype(np.int64)
    glyph: NDArray[np.int64] = order[np.minimum(first + rank, len(bank) - 1)]
    return glyph


def _extent(room: NDArray[np.int64], gap: int) -> NDArray[np.int64]:
    """int64 (B,): how wide rows of glyphs are, (B, n) wide each, with `gap` between neighbours."""
    return layout_glyphs(room, np.zeros((len(room), room.shape[1] - 1)), gap, gap, MAX_WIDTH).extent
