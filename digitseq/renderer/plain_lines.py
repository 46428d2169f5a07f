"""Lines of plain glyphs, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from digitseq.composer import GlyphSpans, Layout, Line, layout_glyphs
from digitseq.errors import NarrowError
from digitseq.options import MAX_WIDTH
from digitseq.random_streams import Rows
from digitseq.renderer.appearance import Appearance
from digitseq.sources.base import Codes, decode

if TYPE_CHECKING:
    from digitseq.augment import GlyphChain
    from digitseq.glyphs.scaled_bank import Bank

# A text that is too wide is drawn again. From attempt PLAIN_ATTEMPTS on, each glyph is the narrowest of more and more
# candidates, so that the text fits in the end if it can. After NARROW_ATTEMPTS plain drawing resumes: a distortion may
# widen the narrowest glyphs most, such as a rotated thin stroke.
PLAIN_ATTEMPTS = 16
NARROW_ATTEMPTS = 64
MAX_ATTEMPTS = 256


class PlainLines:
    """Lines of the glyphs of `bank`, distorted by `chain`, with gaps as `appearance` says.

    gap_width: width in pixels of the gap for a character without glyphs: the mean width of a glyph
    most: upper bound of the width of a glyph, in pixels
    """

    def __init__(self, appearance: Appearance, bank: Bank, chain: GlyphChain | None) -> None:
        self._appearance, self._bank, self._chain = appearance, bank, chain
        self.most = chain.max_width if chain else bank.widest
        self._first_sign = len(bank.characters) - bank.signs
        self.gap_width = round(float(bank.width[: bank.class_start[self._first_sign]].mean()))
        self._class_size = np.diff(bank.class_start)
        self._limit = appearance.image_width or MAX_WIDTH

    def all_fit(self, length: int, gaps: bool, most: int) -> bool:
        """Whether all texts of `length` characters fit into the width, with glyphs of at most `most` pixels each."""
        s = self._appearance
        left = s.image_width - (length - 1) * s.min_spacing
        return s.min_spacing >= 0 and length * max(most, self.gap_width if gaps else 0) <= left

    def widest(self, length: int, gaps: bool) -> int:
        """Upper bound of the width, in pixels, of an image of `length` characters. gaps: whether any may be a gap."""
        s = self._appearance
        most = max(self.most, self.gap_width) if gaps else self.most
        return s.image_width or length * most + (length - 1) * max(s.max_spacing, 0)

    def write(self, rows: Rows, codes: Codes, classes: NDArray[np.int64], gaps: bool, shapes: bool) -> Line:
        """The texts of `rows`. codes, classes: (B, n), 0 and -1 after the end; gaps: whether any character may be one.

        shapes: make those of `GlyphSpans`, too. Raises `NarrowError` when a text finds no glyphs that fit the width.
        """
        ink, layout = self._draw(rows, codes, classes, gaps, shapes)
        # Only what is too wide is drawn again, from tables of its own for each attempt: so the images of a batch that
        # fit at once do not depend on those that do not.
        pending = np.arange(len(rows))
        while (wide := (layout.extent[pending] > self._limit).nonzero()[0]).size:
            pending, rows = pending[wide], rows.again(wide)
            if rows.attempt > MAX_ATTEMPTS:
                text = decode(codes[pending[:1]])[0]
                raise NarrowError(f"`image_width` {self._limit} is too narrow for {text}; give more, or 0")
            ink_again, layout_again = self._draw(rows, codes[pending], classes[pending], gaps, shapes)
            ink = ink.replaced(pending, ink_again)
            layout.x[pending], layout.extent[pending] = layout_again.x, layout_again.extent
        fixed = self._appearance.image_width
        width = np.full(len(layout.extent), fixed) if fixed else layout.extent
        # centred; an odd pixel goes to the right
        x = layout.x + ((width - layout.extent) // 2)[:, None]
        return Line(ink, x, width, np.empty((len(width), 0), np.int64))

    def _draw(
        self, rows: Rows, codes: Codes, classes: NDArray[np.int64], gaps: bool, shapes: bool
    ) -> tuple[GlyphSpans, Layout]:
        ink, s = self._glyphs(rows, classes, shapes), self._appearance
        draws = rows.uniforms("spacing", codes.shape[1] - 1)
        # a character without glyphs that is not padding is a gap: it has a width, but no ink
        width = np.where((ink.width == 0) & (codes > 0), self.gap_width, ink.width) if gaps else ink.width
        return ink, layout_glyphs(width, draws, s.min_spacing, s.max_spacing, self._limit)

    def _glyphs(self, rows: Rows, classes: NDArray[np.int64], shapes: bool) -> GlyphSpans:
        """One glyph of the right class for every character, distorted where the settings say so."""
        bank = self._bank
        there = classes >= 0
        # Gaps and padding take a glyph of class 0 and width 0. Numbers are drawn for every position of the longest
        # text, so that the number of a position does not depend on the length of its text.
        glyph = self._choose(rows, np.maximum(classes, 0))
        if bank.signs and (is_sign := classes >= self._first_sign).any():
            from digitseq.glyphs.signs import sign_numbers  # lines without signs start sooner

            # all variants and pens of a sign are one class: the pen is that of the glyph beside it
            numbers = sign_numbers(glyph, there & ~is_sign, bank.pen, rows.uniforms("signs", classes.shape[1]))
            glyph = np.where(is_sign, bank.class_start.take(np.maximum(classes, 0)) + numbers, glyph)
        if self._chain is not None:
            return self._chain.ink(bank.pick(glyph[there]), there, rows, shapes)
        columns = bank.pick(glyph)
        return GlyphSpans(columns.columns, columns.start, columns.width * there, columns.top, columns.bottom)

    def _choose(self, rows: Rows, classes: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 (B, n): a glyph of each class."""
        first, count = self._bank.class_start.take(classes), self._class_size.take(classes)
        glyph = first + (rows.uniforms("glyph", classes.shape[1]) * count).astype(np.int64)
        if PLAIN_ATTEMPTS <= rows.attempt <= NARROW_ATTEMPTS:
            # the narrowest of 2, 3, 5, … 257 glyphs, as attempts go on
            for other in range(2 ** ((rows.attempt - PLAIN_ATTEMPTS) // 6)):
                draws = rows.uniforms(f"narrower {other}", classes.shape[1])
                candidate = first + (draws * count).astype(np.int64)
                glyph = np.where(self._bank.width[candidate] < self._bank.width[glyph], candidate, glyph)
        return glyph
