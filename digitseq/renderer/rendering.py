"""From texts to images and boxes: glyphs of a bank, laid out and distorted as the settings say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from digitseq.composer import GlyphSpans, Line, compose_images
from digitseq.errors import DataError
from digitseq.glyphs.alphabet import class_table, classes
from digitseq.glyphs.catalog import SIDE
from digitseq.glyphs.glyph_columns import GlyphColumns
from digitseq.random_streams import Rows
from digitseq.renderer.appearance import Appearance
from digitseq.renderer.masks import compose_masks
from digitseq.renderer.plain_lines import PlainLines
from digitseq.renderer.widths import GlyphWidths
from digitseq.sources.base import Codes

if TYPE_CHECKING:
    from digitseq.augment import Augmentation
    from digitseq.glyphs.pen_bank import AnyBank, PenBank
    from digitseq.pen.writer import Writer

CACHED_PIXELS = 1 << 22  # a batch of about this many pixels stays in the processor's cache
MAX_BATCH = 512
# Freeing an array of this size once makes glibc keep freed arrays up to it, rather than hand the pages back to
# the kernel and fault them in again at every batch: 9 µs an image become 4.
KEPT_BYTES = 1 << 24


@dataclass(frozen=True, eq=False)
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
    plain: lines of plain glyphs, and pen: lines that are written; one of them is None
    cell_pixels: pixels of the cell in which a glyph is distorted; 0 without distortions
    """

    def __init__(self, appearance: Appearance, bank: AnyBank) -> None:
        if not len(bank):
            raise DataError("no glyphs are left to draw from: give more glyphs of each character")
        self.appearance, self.bank = appearance, bank
        self._augment: Augmentation | None = None
        if appearance.operations:
            from digitseq.augment import Augmentation  # plain sequences do without, and start sooner

            sharp = bank.factor > 1 or bank.written
            self._augment = Augmentation(appearance.operations, bank.height / SIDE, sharp)
        self._chain = self._augment.glyph_chain(bank) if self._augment else None
        self.cell_pixels = self._chain.cell_pixels if self._chain else 0
        self.plain = None if bank.written else PlainLines(appearance, bank, self._chain)
        self.pen = self._writer(bank) if bank.written else None
        overlap = appearance.min_spacing < 0 or (self._augment is not None and self._augment.maps_lines)
        self._may_overlap = overlap or self.pen is not None
        self._class_of = class_table(bank.characters)
        known = classes(bank.characters)
        # of large data sets, not every glyph has a line
        count = self.pen.alphabet.counts if self.pen else np.diff(bank.class_start)
        self.characters = known.keys()
        self.missing = {c for c, number in known.items() if not count[number]}
        np.empty(KEPT_BYTES, np.uint8)  # freed at once, for its effect on the allocator

    def _writer(self, bank: PenBank) -> Writer:
        from digitseq.pen.style import parse_style
        from digitseq.pen.writer import Writer  # as for distortions

        style = parse_style(self.appearance.style)
        assert style is not None
        return Writer(style, self.appearance.marks, bank, self.appearance.image_width)

    @cached_property
    def with_cases(self) -> Renderer:
        """A renderer for letters, too, that the data set has in the other case only."""
        return Renderer(self.appearance, self.bank.with_cases())

    @cached_property
    def with_signs(self) -> Renderer:
        """A renderer that draws signs, too."""
        return Renderer(self.appearance, self.bank.with_signs())

    @property
    def lines(self) -> PlainLines | Writer:
        """What writes the lines."""
        lines = self.plain or self.pen
        assert lines is not None
        return lines

    @cached_property
    def glyph_widths(self) -> GlyphWidths:
        """The widths of the glyphs of each class, after distortions; of plain lines."""
        assert self.plain is not None and not self.bank.written
        return GlyphWidths(self.bank, self._chain, self.plain.gap_width)

    def fit_is_known(self, length: int, gaps: bool) -> bool:
        """Whether it is known without measuring any glyphs first if texts of `length` characters fit the width."""
        if self.plain is None:
            return True
        # where cached_property keeps it; with distortions, to compute it takes up to a tenth of a second
        measured = "glyph_widths" in self.__dict__
        return measured or self.plain.all_fit(length, gaps, self.plain.most)

    def widest(self, length: int, gaps: bool) -> int:
        """Upper bound of the width, in pixels, of an image of `length` characters. gaps: whether any may be a gap."""
        return self.lines.widest(length, gaps)

    def batch_size(self, length: int, gaps: bool) -> int:
        """How many images of such texts to make at once for speed."""
        pixels = self.bank.height * self.widest(length, gaps) + length * self.cell_pixels // 8
        # distorted glyphs are grouped by size, which takes the same time for many as for few
        more = 2 if self.cell_pixels else 1
        return min(max(more * CACHED_PIXELS // pixels, 1), more * MAX_BATCH)

    def classes(self, codes: Codes) -> NDArray[np.int64]:
        """int64 (B, n): the class of every character, -1 for one without glyphs, and after the end of a text."""
        return self._class_of.take(codes, mode="clip")

    def render(self, rows: Rows, codes: Codes, gaps: bool, masks: bool = False) -> Rendered:
        """Images of any `rows`, of the texts behind `codes`, (B, n) with n the length of the longest text.

        gaps: whether any character may be one without glyphs; masks: whether they are made, too
        Raises `NarrowError` when a text finds no glyphs that fit the width.
        """
        classes, s = self.classes(codes), self.appearance
        line = self.lines.write(rows, codes, classes, gaps, masks)
        if self.pen is not None and self._chain is not None:
            line = self._distorted(line, classes.shape[1], rows, masks)
        ink, x, width = line.ink, line.x, line.width
        size = (self.bank.height, self.widest(codes.shape[1], gaps))
        if self._augment:
            # lines are warped before they are composed: each glyph keeps a box of its own
            ink, x = self._augment.warp(ink, x, width, size, rows)
        images = compose_images(ink, x, s.image_width or int(width.max()), overlapping=self._may_overlap)
        # characters without a glyph have no box, and are not counted
        number = (classes >= 0).cumsum(axis=1)
        made = self._masks(ink, x, number, line.owner, images) if masks else None
        boxes = _boxes(ink, x, line.owner)
        if line.ruled:
            line.ruled(images)
        # before what works on whole images: paper and camera see the page as it is shown
        if s.invert:
            np.bitwise_not(images, out=images)
        if self._augment:
            images = self._augment.paint(images, width, boxes, s.invert, size, rows)
        return Rendered(images, width, classes, boxes, made)

    def _distorted(self, line: Line, n: int, rows: Rows, masks: bool) -> Line:
        """A written line whose n characters are distorted one by one, each about where it is."""
        assert self._chain is not None
        ink = line.ink
        there = ink.width[:, :n] > 0
        boxes = (array[:, :n][there] for array in (ink.start, ink.width, ink.top, ink.bottom))
        changed = self._chain.ink(GlyphColumns(ink.columns, *boxes), there, rows, masks)
        x = line.x.copy()
        middle = x[:, :n] + (ink.width[:, :n] - changed.width) // 2
        x[:, :n] = np.clip(middle, 0, np.maximum(line.width[:, None] - changed.width, 0))
        return line._replace(ink=ink.joined(changed, n), x=x)

    def _masks(
        self, ink: GlyphSpans, x: NDArray[np.int64], number: NDArray[np.int64], owner: NDArray[np.int64],
        images: NDArray[np.uint8],
    ) -> NDArray[np.uint8]:  # fmt: skip
        if owner.size:
            # what is added counts as the character that it is a part of; marks are paper
            of_owner = np.take_along_axis(number, np.maximum(owner, 0), axis=1)
            number = np.concatenate([number, of_owner], axis=1)
            marks = np.pad(owner < 0, ((0, 0), (number.shape[1] - owner.shape[1], 0)))
            ink = ink._replace(width=np.where(marks, 0, ink.width))
        return compose_masks(ink, x, number, images, self._may_overlap)


def _boxes(ink: GlyphSpans, x: NDArray[np.int64], owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64 (B, n, 4): [x, y, w, h] of each character's ink with what is added to it, zeros where there is none."""
    n = x.shape[1] - owner.shape[1]
    ends = np.array([x, ink.top, x + ink.width, ink.bottom])
    if owner.size:
        text, place = np.nonzero((owner >= 0) & (ink.width[:, n:] > 0))
        at = text, owner[text, place]
        added, ends = ends[:, text, n + place], ends[:, :, :n].copy()
        for edge, combine in enumerate((np.minimum, np.minimum, np.maximum, np.maximum)):
            combine.at(ends[edge], at, added[edge])
    left, top, right, bottom = ends
    boxes: NDArray[np.int64] = np.array([left, top, right - left, bottom - top])
    boxes *= ink.width[:, :n] > 0
    return boxes.transpose(1, 2, 0)
