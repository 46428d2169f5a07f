"""Settings, glyph bank and seed in; images, texts and boxes of any range out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from digitseq.alphabet import case_table, class_table, classes
from digitseq.composer import Ink, Layout, spread
from digitseq.composer import compose as render
from digitseq.errors import NarrowError, SettingsError
from digitseq.glyphs import GlyphBank
from digitseq.options import MAX_WIDTH
from digitseq.settings import Settings
from digitseq.sources import Source, decode, encode
from digitseq.sources.base import Codes
from digitseq.sources.choose import source_of
from digitseq.streams import Rows

if TYPE_CHECKING:
    from digitseq.augment import Compose

PROBE_ROWS = 256
PROBE_ATTEMPT = 1 << 32  # tables that no image is drawn from
HARDLY_EVER = 0.05  # a width in which fewer draws than this fit is refused
# A text wider than the longest one is drawn again and again; from some attempt on as the narrowest of more and more
# glyphs, so that it fits in the end if it can.
PLAIN_ATTEMPTS = 16
MAX_ATTEMPTS = 64
NARROW = 0.02  # the share of a class that is narrow enough to be chosen then
CACHED_PIXELS = 1 << 22  # a batch of about this many pixels stays in the processor's cache
MAX_BATCH = 512
# Freeing an array of this size once makes glibc keep freed arrays up to it, rather than hand the pages back to
# the kernel and fault them in again at every batch: 9 µs an image become 4.
KEPT_BYTES = 1 << 24


@dataclass(frozen=True)
class Batch:
    """Images `start` … `start + B - 1`, counted from 0.

    images: uint8 (B, H, W); image b is images[b, :, : width[b]]
    width: int64 (B,); texts: B strings; length: int64 (B,), characters in each text
    classes: int64 (B, n), each character's class; -1 for a gap, and after the end of the text
    boxes: int64 (B, n, 4), [x, y, w, h] of each character's ink in pixels, zeros where there is none
    """

    start: int
    images: NDArray[np.uint8]
    width: NDArray[np.int64]
    texts: list[str]
    length: NDArray[np.int64]
    classes: NDArray[np.int64]
    boxes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)


class Pipeline:
    """Makes any range of the endless series of images that (settings, seed) stand for.

    source: where the texts come from, if not from where `settings` say for a run of unknown size.

    Raises `SettingsError` when the longest text can hardly ever fit into `settings.image_width`; the message
    names a width that would do. Pickles as its four arguments.
    """

    def __init__(self, settings: Settings, bank: GlyphBank, seed: int, source: Source | None = None) -> None:
        self.settings, self.bank, self.seed = settings, bank, seed
        self.source = source or source_of(settings, bank.characters)
        self._augment = _compose(settings)
        self._chain = self._augment.glyph_chain(bank) if self._augment else None
        self._may_overlap = settings.min_spacing < 0 or (self._augment is not None and self._augment.maps_lines)
        self._class_of = class_table(bank.characters)
        self._case = case_table(bank.characters, settings.label_case)
        self._check_glyphs()
        # the width of a gap that stands for a character without glyphs: that of a usual glyph
        self._gap = (
            0 if set(self.source.characters) <= classes(bank.characters).keys() else round(float(bank.width.mean()))
        )
        self._limit = settings.image_width or MAX_WIDTH
        np.empty(KEPT_BYTES, np.uint8)
        self._check_fit()

    def __reduce__(self) -> tuple[type[Pipeline], tuple[Settings, GlyphBank, int, Source]]:
        return Pipeline, (self.settings, self.bank, self.seed, self.source)

    def with_source(self, source: Source) -> Pipeline:
        """The same with other texts."""
        return Pipeline(self.settings, self.bank, self.seed, source)

    def reseeded(self, seed: int) -> Pipeline:
        """The same with another seed and the texts of the same source, without the work of preparing it again."""
        other = object.__new__(Pipeline)
        other.__dict__ |= self.__dict__ | {"seed": seed}
        return other

    @property
    def widest(self) -> int:
        """No image is wider than this, in pixels."""
        n = self.source.max_length
        free = n * self._max_width() + (n - 1) * max(self.settings.max_spacing, 0)
        return self.settings.image_width or free

    @property
    def batch_size(self) -> int:
        """How many images to make at once for speed; the images do not depend on it."""
        pixels = self.bank.height * self.widest
        if self._chain is not None:
            pixels += self.source.max_length * self._chain.cell_pixels
        return int(np.clip(CACHED_PIXELS // pixels, 1, MAX_BATCH))

    def batch(self, start: int, stop: int) -> Batch:
        """Images start … stop-1, counted from 0. Depends on nothing but the arguments and the pipeline's."""
        rows = Rows.span(self.seed, start, stop)
        return self.compose(start, rows, self.source.codes(rows))

    def compose(self, start: int, rows: Rows, codes: Codes) -> Batch:
        """Images of any `rows`, of the texts behind `codes`, (B, n) with n the length of the longest text.

        start: what to count the images from.
        """
        classes = self._class_of.take(codes, mode="clip")
        ink, layout = self._draw_fitting(rows, codes, classes)
        s = self.settings
        width = np.full(len(rows), s.image_width) if s.image_width else layout.extent
        x = layout.x + ((width - layout.extent) // 2)[:, None]
        size = (self.bank.height, self.widest)
        if self._augment:
            ink, x = self._augment.warp(ink, x, width, size, rows)
        images = render(ink, x, int(width.max()), overlapping=self._may_overlap)
        boxes = np.stack([x, ink.top, ink.width, ink.bottom - ink.top], axis=2)
        boxes[ink.width == 0] = 0
        if s.invert:
            np.bitwise_not(images, out=images)
        if self._augment:
            images = self._augment.paint(images, width, boxes, s.invert, size, rows)
        return Batch(start, images, width, decode(self._labelled(codes)), (codes > 0).sum(axis=1), classes, boxes)

    def _labelled(self, codes: Codes) -> Codes:
        """`codes` in the case that labels have."""
        if self._case is None:
            return codes
        return np.where(codes < len(self._case), self._case.take(codes, mode="clip"), codes)

    def _draw_fitting(self, rows: Rows, codes: Codes, classes: NDArray[np.int64]) -> tuple[Ink, Layout]:
        """Glyphs and places of all rows; rows that do not fit the width are drawn again until they do."""
        ink, layout = self._draw(rows, codes, classes)
        pending = np.arange(len(rows))
        while (wide := np.flatnonzero(layout.extent[pending] > self._limit)).size:
            pending, rows = pending[wide], rows.again(wide)
            if rows.attempt > MAX_ATTEMPTS:
                text = decode(codes[pending[:1]])[0]
                raise NarrowError(f"image_width {self._limit} is too narrow for {text}; give more, or 0")
            ink_again, layout_again = self._draw(rows, codes[pending], classes[pending])
            ink = ink.replaced(pending, ink_again)
            layout.x[pending], layout.extent[pending] = layout_again.x, layout_again.extent
        return ink, layout

    def _draw(self, rows: Rows, codes: Codes, classes: NDArray[np.int64]) -> tuple[Ink, Layout]:
        ink = self._glyphs(rows, classes)
        s = self.settings
        gaps = rows.uniforms("spacing", codes.shape[1] - 1)
        return ink, spread(self._room(ink, codes), gaps, s.min_spacing, s.max_spacing, self._limit)

    def _room(self, ink: Ink, codes: Codes) -> NDArray[np.int64]:
        """int64 (B, n): the width that each character takes, gaps too."""
        return np.where((ink.width == 0) & (codes > 0), self._gap, ink.width) if self._gap else ink.width

    def _glyphs(self, rows: Rows, classes: NDArray[np.int64]) -> Ink:
        """One glyph of the right class for every character, distorted where the settings say so."""
        bank = self.bank
        there = classes >= 0
        glyph = self._choose(rows, np.maximum(classes, 0))
        if self._chain is not None:
            return self._chain.ink(glyph, there, rows)
        return Ink(
            bank.columns,
            bank.start[glyph],
            bank.width[glyph].astype(np.int64) * there,
            bank.top[glyph].astype(np.int64),
            bank.bottom[glyph].astype(np.int64),
        )

    def _choose(self, rows: Rows, classes: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 (B, n): a glyph of each class."""
        first, last = self.bank.class_start[classes], self.bank.class_start[classes + 1]
        glyph = first + (rows.uniforms("glyph", classes.shape[1]) * (last - first)).astype(np.int64)
        if PLAIN_ATTEMPTS <= rows.attempt <= MAX_ATTEMPTS:
            for other in range(2 ** ((rows.attempt - PLAIN_ATTEMPTS) // 6)):
                draws = rows.uniforms(f"narrower {other}", classes.shape[1])
                candidate = first + (draws * (last - first)).astype(np.int64)
                glyph = np.where(self.bank.width[candidate] < self.bank.width[glyph], candidate, glyph)
        return glyph

    def _max_width(self) -> int:
        """No character takes more than this, in pixels."""
        return max(self._chain.max_width if self._chain else int(self.bank.width.max()), self._gap)

    def _check_glyphs(self) -> None:
        bank, known = self.bank, classes(self.bank.characters)
        empty = np.diff(bank.class_start) == 0
        if empty.any():
            lacking = sorted(c for c in self.source.characters if c in known and empty[known[c]])
            if lacking:
                raise SettingsError(
                    f"split {self.settings.split} of {self.settings.dataset} has no glyph of {lacking[0]!r}", "split"
                )

    def _check_fit(self) -> None:
        s, longest = self.settings, self.source.longest()
        n = len(longest)
        if not s.image_width:
            if self.widest > MAX_WIDTH:
                raise SettingsError(
                    f"a text can have {n} characters and max_spacing is {s.max_spacing}: an image could be "
                    f"{self.widest:,} pixels wide, at most {MAX_WIDTH:,} are possible; lower max_spacing",
                    "max_spacing",
                )
            return
        if n * self._max_width() + (n - 1) * s.min_spacing <= s.image_width and s.min_spacing >= 0:
            return
        codes = np.broadcast_to(encode([longest], n), (PROBE_ROWS, n))
        extent = self._probe(codes)
        text, hardly = longest, (extent <= s.image_width).mean() < HARDLY_EVER
        if not hardly and self.source.count != 1:
            codes = self.source.codes(Rows.span(self.seed, 0, PROBE_ROWS))
            extent = self._probe(codes)
            floor = self._closest(self._floor(codes))
            text, hardly = decode(codes[[floor.argmax()]])[0], floor.max() > s.image_width
        if hardly:
            n = len(text)
            raise SettingsError(
                f"image_width {s.image_width} is too narrow for {n} character{'s' * (n > 1)} such as {text:.20} with "
                f"min_spacing {s.min_spacing}: use at least {extent.max()} pixels, or 0 for as wide as needed",
                "image_width",
            )

    def _probe(self, codes: Codes) -> NDArray[np.int64]:
        """int64 (B,): how wide these texts are with the smallest gaps, of glyphs drawn by chance."""
        rows = Rows(0, np.arange(len(codes), dtype=np.int64), PROBE_ATTEMPT)
        return self._closest(self._room(self._glyphs(rows, self._class_of.take(codes, mode="clip")), codes))

    def _floor(self, codes: Codes) -> NDArray[np.int64]:
        """int64 (B, n): the width that each character takes as one of the narrowest glyphs of its class."""
        bank, classes = self.bank, self._class_of.take(codes, mode="clip")
        spans = zip(bank.class_start[:-1].tolist(), bank.class_start[1:].tolist())
        narrow = [np.quantile(bank.width[a:b], NARROW) if b > a else 0 for a, b in spans]
        floor = np.array(narrow).astype(np.int64)[np.maximum(classes, 0)]
        return np.where(classes >= 0, floor, np.where(codes > 0, self._gap, 0))

    def _closest(self, room: NDArray[np.int64]) -> NDArray[np.int64]:
        smallest = self.settings.min_spacing
        return spread(room, np.zeros((len(room), room.shape[1] - 1)), smallest, smallest, MAX_WIDTH).extent


def _compose(settings: Settings) -> Compose | None:
    operations = settings.operations()
    if not operations:
        return None
    from digitseq.augment import Compose  # plain sequences do without, and start sooner

    return Compose(operations)
