"""From settings, glyph bank and seed to images, texts and boxes of any range."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import SettingsError
from digitseq.glyphs.alphabet import case_table
from digitseq.glyphs.bank import GlyphBank
from digitseq.options import MAX_WIDTH
from digitseq.random_streams import Rows
from digitseq.renderer import Appearance, Renderer
from digitseq.settings import Settings
from digitseq.sources import Source, decode, encode
from digitseq.sources.base import Codes
from digitseq.sources.choose import source_of
from digitseq.widths import TRIALS

HARDLY_EVER = 0.05  # a width is refused if a smaller share of random draws fits


@dataclass(frozen=True)
class Batch:
    """Images `start` … `start + B - 1`, counted from 0.

    images: uint8 (B, H, W); image b is images[b, :, : width[b]]
    width: int64 (B,); texts: B strings; text_length: int64 (B,), characters in each
    classes: int64 (B, n), each character's class; -1 for a gap, and after the end of the text
    boxes: int64 (B, n, 4), [x, y, w, h] of each character's ink in pixels, zeros where there is none
    """

    start: int
    images: NDArray[np.uint8]
    width: NDArray[np.int64]
    texts: list[str]
    text_length: NDArray[np.int64]
    classes: NDArray[np.int64]
    boxes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)


class Pipeline:
    """Makes any range of the endless series of images of (settings, seed).

    source: where the texts come from; None: the source of `settings` for a run of unknown size
    renderer: one that was prepared earlier for the appearance of `settings` and for `bank`; a new text then costs
    only its own pixels

    Raises `SettingsError` when the longest text hardly ever fits into `settings.image_width`; the message names a
    width that is large enough. Pickles as its first four arguments.
    """

    def __init__(
        self,
        settings: Settings,
        bank: GlyphBank,
        seed: int,
        source: Source | None = None,
        renderer: Renderer | None = None,
    ) -> None:
        self.settings, self.bank, self.seed = settings, bank, seed
        self.source = source or source_of(settings, bank.characters)
        self.renderer = renderer or Renderer(Appearance.of(settings), bank)
        used = self.renderer.characters
        self.gaps = not all(character in used for character in self.source.characters)
        self._case = _case_table(bank.characters, settings.label_case)
        # before anything is written: a run must not end in the middle of what could have been known
        self._check_glyphs()
        self._check_fit()

    def __reduce__(self) -> tuple[type[Pipeline], tuple[Settings, GlyphBank, int, Source]]:
        return Pipeline, (self.settings, self.bank, self.seed, self.source)

    def with_source(self, source: Source) -> Pipeline:
        """The same pipeline with other texts."""
        return Pipeline(self.settings, self.bank, self.seed, source, self.renderer)

    def reseeded(self, seed: int) -> Pipeline:
        """The same pipeline with another seed and the same source, without preparing them again."""
        # the checks of __init__ are left out: what they look at is the same, but for a sample of texts
        other = object.__new__(Pipeline)
        other.__dict__ |= self.__dict__ | {"seed": seed}
        return other

    def use_one_thread(self) -> None:
        """Let OpenCV start no threads in this process, where images are distorted: for one process among several."""
        self.renderer.use_one_thread()

    @property
    def widest(self) -> int:
        """No image is wider than this, in pixels."""
        return self.renderer.widest(self.source.max_length, self.gaps)

    @property
    def batch_size(self) -> int:
        """Number of images to make at once for speed; the images do not depend on it."""
        return self.renderer.batch_size(self.source.max_length, self.gaps)

    def batch(self, start: int, stop: int) -> Batch:
        """Images start … stop-1, counted from 0. Depends only on the arguments and the pipeline's."""
        return self.batch_of(Rows.span(self.seed, start, stop))

    def batch_of(self, rows: Rows, codes: Codes | None = None) -> Batch:
        """Images of any `rows`. codes: of other texts than the source's, (B, n) with n the longest length."""
        if codes is None:
            codes = self.source.codes(rows)
        made = self.renderer.render(rows, codes, self.gaps)
        labels = codes
        if self._case is not None:  # signs beyond the table have no case
            labels = np.where(codes < len(self._case), self._case.take(codes, mode="clip"), codes)
        text_length = (codes > 0).sum(axis=1)
        return Batch(int(rows.index[0]), made.images, made.width, decode(labels), text_length, made.classes, made.boxes)

    def _check_glyphs(self) -> None:
        missing = self.renderer.missing
        if missing and (found := sorted(missing.intersection(self.source.characters))):
            raise SettingsError(
                f"split {self.settings.split} of {self.settings.dataset} has no glyph of {found[0]!r}", "split"
            )

    def _check_fit(self) -> None:
        s, n = self.settings, self.source.max_length
        if not s.image_width:
            if self.widest > MAX_WIDTH:
                raise SettingsError(
                    f"a text can have {n} characters and max_spacing is {s.max_spacing}: an image could be "
                    f"{self.widest:,} pixels wide, at most {MAX_WIDTH:,} are possible; lower max_spacing",
                    "max_spacing",
                )
            return
        if self._surely_fits(n):
            return
        text, enough = self._needed()
        if text is not None:
            n = len(text)
            raise SettingsError(
                f"image_width {s.image_width} is too narrow for {n} character{'s' * (n > 1)} such as {text:.20} with "
                f"min_spacing {s.min_spacing}: use at least {enough} pixels, or 0 for as wide as needed",
                "image_width",
            )

    def _surely_fits(self, length: int) -> bool:
        """Whether every text of this length fits even with the widest glyphs; the cheaper bound is tried first."""
        made = self.renderer
        return made.all_fit(length, self.gaps, made.most) or made.all_fit(length, self.gaps, made.glyph_widths.most)

    def _needed(self) -> tuple[str | None, int]:
        """A text that hardly ever fits, or None, and a width that is large enough for all."""
        s, widths, text = self.settings, self.renderer.glyph_widths, self.source.longest()
        extent = widths.trials(self._places(encode([text], len(text))), s.min_spacing)
        hardly, enough = (extent <= s.image_width).mean() < HARDLY_EVER, int(extent.max())
        if self.source.count != 1:
            # a shorter text may have wider characters than the longest one
            codes = self.source.codes(Rows.span(self.seed, 0, TRIALS))
            places = self._places(codes)
            narrowest = widths.narrowest(places, s.min_spacing)
            if not hardly:
                text, hardly = decode(codes[[narrowest.argmax()]])[0], narrowest.max() > s.image_width
            enough = max(enough, int(narrowest.max()), int(widths.trials(places, s.min_spacing).max()))
        return text if hardly else None, enough

    def _places(self, codes: Codes) -> NDArray[np.int64]:
        """int64 (B, n): the row of each character in the table of `GlyphWidths`."""
        classes = self.renderer.classes(codes)
        return np.where((classes < 0) & (codes > 0), len(self.bank.characters), classes)


@lru_cache(maxsize=16)
def _case_table(characters: str, case: str) -> NDArray[np.uint32] | None:
    return case_table(characters, case)
