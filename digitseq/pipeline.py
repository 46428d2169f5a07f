"""Settings, glyph bank and seed in; images, texts and boxes of any range out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from digitseq.composer import Ink, Layout, compose, spread
from digitseq.errors import SettingsError
from digitseq.glyphs import GlyphBank
from digitseq.settings import MAX_WIDTH, Settings
from digitseq.sources import FixedSource, decode
from digitseq.streams import Rows

if TYPE_CHECKING:
    from digitseq.augment import Compose

PROBE_ROWS = 256
PROBE_ATTEMPT = 1 << 32  # tables that no image is drawn from
HARDLY_EVER = 0.05  # a width in which fewer draws than this fit is refused
CACHED_PIXELS = 1 << 22  # a batch of about this many pixels stays in the processor's cache
MAX_BATCH = 512
# Freeing an array of this size once makes glibc keep freed arrays up to it, rather than hand the pages back to
# the kernel and fault them in again at every batch: 9 µs an image become 4.
KEPT_BYTES = 1 << 24


@dataclass(frozen=True)
class Batch:
    """Images `start` … `start + B - 1`, counted from 0.

    images: uint8 (B, H, W); image b is images[b, :, : width[b]]
    width: int64 (B,); texts: B strings; length: int64 (B,), glyphs in each text
    boxes: int64 (B, n, 4), [x, y, w, h] of each glyph's ink in pixels, padded with zeros
    """

    start: int
    images: NDArray[np.uint8]
    width: NDArray[np.int64]
    texts: list[str]
    length: NDArray[np.int64]
    boxes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)


class Pipeline:
    """Makes any range of the endless series of images that (settings, seed) stand for.

    Raises `SettingsError` when the sequence can hardly ever fit into `settings.image_width`; the message
    names a width that would do. Pickles as its three arguments.
    """

    def __init__(self, settings: Settings, bank: GlyphBank, seed: int) -> None:
        self.settings, self.bank, self.seed = settings, bank, seed
        self._source = FixedSource(settings.number)
        self._augment = _compose(settings)
        self._chain = self._augment.glyph_chain(bank) if self._augment else None
        self._may_overlap = settings.min_spacing < 0 or (self._augment is not None and self._augment.maps_lines)
        self._class_of = _class_table(bank.characters)
        self._limit = settings.image_width or MAX_WIDTH
        np.empty(KEPT_BYTES, np.uint8)
        self._check_fit()

    def __reduce__(self) -> tuple[type[Pipeline], tuple[Settings, GlyphBank, int]]:
        return Pipeline, (self.settings, self.bank, self.seed)

    def reseeded(self, seed: int) -> Pipeline:
        """The same images as `Pipeline(settings, bank, seed)`, without the work of preparing them again."""
        other = object.__new__(Pipeline)
        other.__dict__ |= self.__dict__ | {"seed": seed}
        return other

    @property
    def widest(self) -> int:
        """No image is wider than this, in pixels."""
        n = self._source.max_length
        free = n * self._max_ink_width() + (n - 1) * max(self.settings.max_spacing, 0)
        return self.settings.image_width or free

    @property
    def batch_size(self) -> int:
        """How many images to make at once for speed; the images do not depend on it."""
        pixels = self.bank.height * self.widest
        if self._chain is not None:
            pixels += self._source.max_length * self._chain.cell_pixels
        return int(np.clip(CACHED_PIXELS // pixels, 1, MAX_BATCH))

    def batch(self, start: int, stop: int) -> Batch:
        """Images start … stop-1, counted from 0. Depends on nothing but the arguments and the pipeline's."""
        rows = Rows.span(self.seed, start, stop)
        codes = self._source.codes(rows)
        ink, layout = self._draw_fitting(rows, codes)
        s = self.settings
        width = np.full(len(rows), s.image_width) if s.image_width else layout.extent
        x = layout.x + ((width - layout.extent) // 2)[:, None]
        size = (self.bank.height, self.widest)
        if self._augment:
            ink, x = self._augment.warp(ink, x, width, size, rows)
        images = compose(ink, x, int(width.max()), overlapping=self._may_overlap)
        boxes = np.stack([x, ink.top, ink.width, ink.bottom - ink.top], axis=2)
        boxes[ink.width == 0] = 0
        if s.invert:
            np.bitwise_not(images, out=images)
        if self._augment:
            images = self._augment.paint(images, width, boxes, s.invert, size, rows)
        return Batch(start, images, width, decode(codes), (codes > 0).sum(axis=1), boxes)

    def _draw_fitting(self, rows: Rows, codes: NDArray[np.uint32]) -> tuple[Ink, Layout]:
        """Glyphs and places of all rows; rows that do not fit the width are drawn again until they do."""
        ink, layout = self._draw(rows, codes)
        pending = np.arange(len(rows))
        while (wide := np.flatnonzero(layout.extent[pending] > self._limit)).size:
            pending, rows = pending[wide], rows.again(wide)
            ink_again, layout_again = self._draw(rows, codes[pending])
            ink = ink.replaced(pending, ink_again)
            layout.x[pending], layout.extent[pending] = layout_again.x, layout_again.extent
        return ink, layout

    def _draw(self, rows: Rows, codes: NDArray[np.uint32]) -> tuple[Ink, Layout]:
        ink = self._glyphs(rows, codes)
        s = self.settings
        gaps = rows.uniforms("spacing", codes.shape[1] - 1)
        return ink, spread(ink.width, gaps, s.min_spacing, s.max_spacing, self._limit)

    def _glyphs(self, rows: Rows, codes: NDArray[np.uint32]) -> Ink:
        """One glyph of the right class for every character, distorted where the settings say so."""
        bank = self.bank
        label = self._class_of[codes]
        first, last = bank.class_start[label], bank.class_start[label + 1]
        glyph = first + (rows.uniforms("glyph", codes.shape[1]) * (last - first)).astype(np.int64)
        if self._chain is not None:
            return self._chain.ink(glyph, rows)
        return Ink(
            bank.columns,
            bank.start[glyph],
            bank.width[glyph].astype(np.int64),
            bank.top[glyph].astype(np.int64),
            bank.bottom[glyph].astype(np.int64),
        )

    def _max_ink_width(self) -> int:
        return self._chain.max_width if self._chain else int(self.bank.width.max())

    def _check_fit(self) -> None:
        s, n = self.settings, self._source.max_length
        if not s.image_width:
            if self.widest > MAX_WIDTH:
                raise SettingsError(
                    f"number has {n} digits and max_spacing is {s.max_spacing}: an image could be {self.widest:,} "
                    f"pixels wide, at most {MAX_WIDTH:,} are possible; lower max_spacing",
                    "max_spacing",
                )
            return
        if n * self._max_ink_width() + (n - 1) * s.min_spacing <= s.image_width and s.min_spacing >= 0:
            return
        rows = Rows(0, np.arange(PROBE_ROWS, dtype=np.int64), PROBE_ATTEMPT)
        ink = self._glyphs(rows, self._source.codes(rows))
        closest = np.zeros((PROBE_ROWS, n - 1))
        narrowest = spread(ink.width, closest, s.min_spacing, s.min_spacing, MAX_WIDTH).extent
        if (narrowest <= s.image_width).mean() < HARDLY_EVER:
            raise SettingsError(
                f"image_width {s.image_width} is too narrow for {n} digit{'s' * (n > 1)} with min_spacing "
                f"{s.min_spacing}: use at least {narrowest.max()} pixels, or 0 for as wide as needed",
                "image_width",
            )


def _class_table(characters: str) -> NDArray[np.int64]:
    """int64 (largest code point + 1,): the class of every code point."""
    codes = np.array([ord(c) for c in characters])
    table = np.zeros(codes.max() + 1, np.int64)
    table[codes] = np.arange(len(codes))
    return table


def _compose(settings: Settings) -> Compose | None:
    operations = settings.operations()
    if not operations:
        return None
    from digitseq.augment import Compose  # plain sequences do without, and start sooner

    return Compose(operations)
