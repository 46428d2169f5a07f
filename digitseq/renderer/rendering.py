"""From texts to images and boxes: glyphs of a bank, laid out and distorted as the settings say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from digitseq.composer import GlyphSpans, Layout, compose_images, layout_glyphs
from digitseq.errors import DataError, NarrowError
from digitseq.glyphs.alphabet import class_table, classes
from digitseq.glyphs.catalog import SIDE
from digitseq.glyphs.scaled_bank import Bank
from digitseq.glyphs.signs import sign_numbers
from digitseq.options import MAX_WIDTH
from digitseq.random_streams import Rows
from digitseq.renderer.masks import compose_masks
from digitseq.renderer.widths import GlyphWidths
from digitseq.settings import Settings
from digitseq.sources.base import Codes, decode

if TYPE_CHECKING:
    from digitseq.augment import Augmentation

# A text that is too wide is drawn again. From attempt PLAIN_ATTEMPTS on, each glyph is the narrowest of more and more
# candidates, so that the text fits in the end if it can. After NARROW_ATTEMPTS plain drawing resumes: a distortion may
# widen the narrowest glyphs most, such as a rotated thin stroke.
PLAIN_ATTEMPTS = 16
NARROW_ATTEMPTS = 64
MAX_ATTEMPTS = 256
CACHED_PIXELS = 1 << 22  # a batch of about this many pixels stays in the processor's cache
MAX_BATCH = 512
# Freeing an array of this size once makes glibc keep freed arrays up to it, rather than hand the pages back to
# the kernel and fault them in again at every batch: 9 µs an image become 4.
KEPT_BYTES = 1 << 24


@dataclass(frozen=True)
class Appearance:
    """What images look like, independent of their texts: the settings of these names, and all distortions as texts."""

    image_width: int
    min_spacing: int
    max_spacing: int
    invert: bool
    operations: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings) -> Appearance:
        """The appearance that `settings` describe."""
        s = settings
        return cls(s.image_width, s.min_spacing, s.max_spacing, s.invert, tuple(s.operations()))


@dataclass(frozen=True)
class Rendered:
    """Images without labels: see `Batch`, which adds them. masks: uint8 (B, H, W) as in `compose_masks`, or None."""

    images: NDArray[np.uint8]
    width: NDArray[np.int64]
    classes: NDArray[np.int64]
    boxes: NDArray[np.int64]
    masks: NDArray[np.uint8] | None

    def __len__(self) -> int:
        return len(self.images)


class Renderer:
    """Renders texts with one appearance and the glyphs of one bank.

    Everything that is costly to prepare depends on these two only. Thread-safe.

    characters: those that may stand in a text; missing: those of them without a glyph in this bank
    gap_width: width in pixels of the gap for a character without glyphs: the mean width of a glyph
    most: upper bound of the width of a glyph, in pixels
    cell_pixels: pixels of the cell in which a glyph is distorted; 0 without distortions
    """

    def __init__(self, appearance: Appearance, bank: Bank) -> None:
        if not len(bank):
            raise DataError("no glyphs are left to draw from: give more glyphs of each character")
        self.appearance, self.bank = appearance, bank
        self._augment: Augmentation | None = None
        if appearance.operations:
            from digitseq.augment import Augmentation  # plain sequences do without, and start sooner

            self._augment = Augmentation(appearance.operations, bank.height / SIDE, sharp=bank.factor > 1)
        self._chain = self._augment.glyph_chain(bank) if self._augment else None
        self.most = self._chain.max_width if self._chain else bank.widest
        self.cell_pixels = self._chain.cell_pixels if self._chain else 0
        self._first_sign = len(bank.characters) - bank.signs
        self.gap_width = round(float(bank.width[: bank.class_start[self._first_sign]].mean()))
        self._may_overlap = appearance.min_spacing < 0 or (self._augment is not None and self._augment.maps_lines)
        self._limit = appearance.image_width or MAX_WIDTH
        self._class_of = class_table(bank.characters)
        self._class_size = np.diff(bank.class_start)
        known = classes(bank.characters)
        self.characters = known.keys()
        self.missing = {character for character, number in known.items() if not self._class_size[number]}
        np.empty(KEPT_BYTES, np.uint8)  # freed at once, for its effect on the allocator

    @cached_property
    def with_cases(self) -> Renderer:
        """A renderer for letters, too, that the data set has in the other case only."""
        return Renderer(self.appearance, self.bank.with_cases())

    @cached_property
    def with_signs(self) -> Renderer:
        """A renderer that draws signs, too."""
        return Renderer(self.appearance, self.bank.with_signs())

    @cached_property
    def glyph_widths(self) -> GlyphWidths:
        """The widths of the glyphs of each class, after distortions."""
        return GlyphWidths(self.bank, self._chain, self.gap_width)

    @property
    def measured(self) -> bool:
        """Whether `glyph_widths` is computed already; with distortions that takes up to a tenth of a second."""
        return "glyph_widths" in self.__dict__  # where cached_property keeps it

    def all_fit(self, length: int, gaps: bool, most: int) -> bool:
        """Whether all texts of `length` characters fit into the width, with glyphs of at most `most` pixels each."""
        s = self.appearance
        left = s.image_width - (length - 1) * s.min_spacing
        return s.min_spacing >= 0 and length * max(most, self.gap_width if gaps else 0) <= left

    def widest(self, length: int, gaps: bool) -> int:
        """Upper bound of the width, in pixels, of an image of `length` characters. gaps: whether any may be a gap."""
        s = self.appearance
        most = max(self.most, self.gap_width) if gaps else self.most
        return s.image_width or length * most + (length - 1) * max(s.max_spacing, 0)

    def batch_size(self, length: int, gaps: bool) -> int:
        """How many images of such texts to make at once for speed."""
        pixels = self.bank.height * self.widest(length, gaps) + length * self.cell_pixels
        return min(max(CACHED_PIXELS // pixels, 1), MAX_BATCH)

    def classes(self, codes: Codes) -> NDArray[np.int64]:
        """int64 (B, n): the class of every character, -1 for one without glyphs, and after the end of a text."""
        return self._class_of.take(codes, mode="clip")

    def render(self, rows: Rows, codes: Codes, gaps: bool, masks: bool = False) -> Rendered:
        """Images of any `rows`, of the texts behind `codes`, (B, n) with n the length of the longest text.

        gaps: whether any character may be one without glyphs; masks: whether they are made, too
        Raises `NarrowError` when a text finds no glyphs that fit the width.
        """
        classes, s = self.classes(codes), self.appearance
        ink, layout = self._draw_fitting(rows, codes, classes, gaps, masks)
        width = np.full(len(rows), s.image_width) if s.image_width else layout.extent
        # centred; an odd pixel goes to the right
        x = layout.x + ((width - layout.extent) // 2)[:, None]
        size = (self.bank.height, self.widest(codes.shape[1], gaps))
        if self._augment:
            # lines are warped before they are composed: each glyph keeps a box of its own
            ink, x = self._augment.warp(ink, x, width, size, rows)
        images = compose_images(ink, x, s.image_width or int(width.max()), overlapping=self._may_overlap)
        # characters without a glyph have no box, and are not counted
        number = (classes >= 0).cumsum(axis=1)
        made = compose_masks(ink, x, number, images, self._may_overlap) if masks else None
        # [x, y, w, h] of each glyph's ink, zeros where there is none
        boxes = (np.array([x, ink.top, ink.width, ink.bottom - ink.top]) * (ink.width > 0)).transpose(1, 2, 0)
        # before what works on whole images: paper and camera see the page as it is shown
        if s.invert:
            np.bitwise_not(images, out=images)
        if self._augment:
            images = self._augment.paint(images, width, boxes, s.invert, size, rows)
        return Rendered(images, width, classes, boxes, made)

    def _draw_fitting(
        self, rows: Rows, codes: Codes, classes: NDArray[np.int64], gaps: bool, shapes: bool = False
    ) -> tuple[GlyphSpans, Layout]:
        """Glyphs and places of all rows; rows that do not fit the width are drawn again until they do."""
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
        return ink, layout

    def _draw(
        self, rows: Rows, codes: Codes, classes: NDArray[np.int64], gaps: bool, shapes: bool
    ) -> tuple[GlyphSpans, Layout]:
        ink, s = self._glyphs(rows, classes, shapes), self.appearance
        draws = rows.uniforms("spacing", codes.shape[1] - 1)
        # a character without glyphs that is not padding is a gap: it has a width, but no ink
        width = np.where((ink.width == 0) & (codes > 0), self.gap_width, ink.width) if gaps else ink.width
        return ink, layout_glyphs(width, draws, s.min_spacing, s.max_spacing, self._limit)

    def _glyphs(self, rows: Rows, classes: NDArray[np.int64], shapes: bool) -> GlyphSpans:
        """One glyph of the right class for every character, distorted where the settings say so."""
        bank = self.bank
        there = classes >= 0
        # Gaps and padding take a glyph of class 0 and width 0. Numbers are drawn for every position of the longest
        # text, so that the number of a position does not depend on the length of its text.
        glyph = self._choose(rows, np.maximum(classes, 0))
        if bank.signs and (is_sign := classes >= self._first_sign).any():
            # all variants and pens of a sign are one class: the pen is that of the glyph beside it
            numbers = sign_numbers(glyph, there & ~is_sign, bank.pen, rows.uniforms("signs", classes.shape[1]))
            glyph = np.where(is_sign, bank.class_start.take(np.maximum(classes, 0)) + numbers, glyph)
        if self._chain is not None:
            return self._chain.ink(glyph, there, rows, shapes)
        columns, start, width, top, bottom = bank.pick(glyph)
        return GlyphSpans(columns, start, width * there, top, bottom)

    def _choose(self, rows: Rows, classes: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 (B, n): a glyph of each class."""
        first, count = self.bank.class_start.take(classes), self._class_size.take(classes)
        glyph = first + (rows.uniforms("glyph", classes.shape[1]) * count).astype(np.int64)
        if PLAIN_ATTEMPTS <= rows.attempt <= NARROW_ATTEMPTS:
            # the narrowest of 2, 3, 5, … 257 glyphs, as attempts go on
            for other in range(2 ** ((rows.attempt - PLAIN_ATTEMPTS) // 6)):
                draws = rows.uniforms(f"narrower {other}", classes.shape[1])
                candidate = first + (draws * count).astype(np.int64)
                glyph = np.where(self.bank.width[candidate] < self.bank.width[glyph], candidate, glyph)
        return glyph
