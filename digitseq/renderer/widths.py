"""Estimated widths of texts, without rendering: whether they fit an image, and how wide it would have to be."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from digitseq.composer import layout_glyphs
from digitseq.options import MAX_TEXT, MAX_WIDTH
from digitseq.random_streams import Rows

if TYPE_CHECKING:
    from digitseq.augment import GlyphChain
    from digitseq.glyphs.scaled_bank import Bank

LEVELS = 64  # sample of each class: its glyphs at this many evenly spaced ranks of width
MOST_AT_ONCE = 1024  # glyphs whose outlines are in memory at the same time
TRIALS = 256  # random choices of sampled glyphs for a text
NARROWEST = 3  # of the levels, which stand for the glyphs that are drawn where others do not fit
NARROW = 0.02  # the quantile of a class's widths that counts as its narrow glyphs


class GlyphWidths:
    """Widths of the glyphs of each class of `bank`, after the distortions of `chain`; gaps are `gap` pixels wide.

    of_class: int64 (C + 2, LEVELS), pixels; class C stands for gaps, and -1 for no character.
    """

    def __init__(self, bank: Bank, chain: GlyphChain | None, gap: int) -> None:
        glyph = _typical(bank)
        plain = width = bank.width[glyph].astype(np.int64)
        if chain is not None:
            parts = np.array_split(glyph.ravel(), -(-glyph.size // MOST_AT_ONCE))
            width = np.concatenate([chain.widths(part) for part in parts]).reshape(glyph.shape)
        others = np.repeat([[gap], [0]], LEVELS, axis=1)
        self.of_class = np.concatenate([width, others])
        # texts that do not fit get narrower glyphs; what distortions add is random, so its mean counts
        narrow = np.quantile(plain, NARROW, axis=1) + (width - plain).mean(axis=1)
        # a rotation widens narrow glyphs more than others: `narrow` alone would promise too much
        narrow = np.maximum(narrow, width[:, :NARROWEST].mean(axis=1))
        self._narrow = np.concatenate([narrow.astype(np.int64), [gap, 0]])
        self.most = int(width.max())

    def narrowest(self, classes: NDArray[np.int64], min_spacing: int) -> NDArray[np.int64]:
        """int64 (B,): widths in pixels of texts of the narrow glyphs of their classes (B, n), at `min_spacing`."""
        return _extent(self._narrow[classes], min_spacing)

    def trials(self, classes: NDArray[np.int64], min_spacing: int) -> NDArray[np.int64]:
        """int64 (TRIALS,): widths in pixels of texts (B, n) of random glyphs, at `min_spacing`. B is TRIALS or 1,
        for one text in all trials."""
        levels = _levels()[:, np.arange(classes.shape[1]) % MAX_TEXT]
        return _extent(self.of_class[classes, levels], min_spacing)

    def widest_trials(self, classes: NDArray[np.int64], length: int, min_spacing: int) -> NDArray[np.int64]:
        """int64 (TRIALS,): no text of `length` characters of these classes (n,) is wider in that trial."""
        levels = _levels()[:, np.arange(length) % MAX_TEXT]
        return _extent(self.of_class[classes].max(axis=0)[levels], min_spacing)


@lru_cache(maxsize=1)
def _levels() -> NDArray[np.int64]:
    """int64 (TRIALS, MAX_TEXT): which glyph of its class each character is in each trial."""
    return (Rows.span(0, 0, TRIALS).uniforms("trials", MAX_TEXT) * LEVELS).astype(np.int64)


def _typical(bank: Bank) -> NDArray[np.int64]:
    """int64 (C, LEVELS): glyphs of each class at even ranks of their widths; arbitrary glyphs for an empty class."""
    order = np.lexsort([bank.width, bank.label])
    first, count = bank.class_start[:-1, None], np.diff(bank.class_start)[:, None]
    rank = ((np.arange(LEVELS) + 0.5) / LEVELS * count).astype(np.int64)
    glyph: NDArray[np.int64] = order[np.minimum(first + rank, len(bank) - 1)]
    return glyph


def _extent(width: NDArray[np.int64], gap: int) -> NDArray[np.int64]:
    """int64 (B,): widths of rows of glyphs of `width` (B, n), with `gap` between neighbours."""
    return layout_glyphs(width, np.zeros((len(width), width.shape[1] - 1)), gap, gap, MAX_WIDTH).extent
