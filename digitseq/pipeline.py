"""From settings, glyph bank and seed to images, texts and boxes of any range."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import SettingsError
from digitseq.glyphs.alphabet import label_table
from digitseq.options import MAX_WIDTH
from digitseq.random_streams import Rows
from digitseq.renderer import Appearance, Rendered, Renderer
from digitseq.settings import Settings
from digitseq.sources import Source, decode, encode
from digitseq.sources.base import Codes
from digitseq.sources.choose import source_of

if TYPE_CHECKING:
    from digitseq.glyphs.pen_bank import AnyBank

SAMPLE = 2048  # texts that are looked at
HARDLY_EVER = 0.05  # a width is refused if a smaller share of random draws fits
# With distortions narrow glyphs help less, as a rotation widens them most, and widths are estimated a little too low.
HARDLY_EVER_DISTORTED = 0.3


@dataclass(frozen=True, eq=False)
class Batch(Rendered):
    """Images `start` … `start + B - 1`, counted from 0, and their labels.

    images: uint8 (B, H, W); image b is images[b, :, : width[b]]
    width: int64 (B,); texts: B strings; text_length: int64 (B,), characters in each
    classes: int64 (B, n), each character's class; -1 for a gap, and after the end of the text
    boxes: int64 (B, n, 4), [x, y, w, h] of each character's ink in pixels, zeros where there is none
    masks: with `Settings.masks` uint8 (B, H, W), 0 where there is paper, k on the k-th character, from 1, gaps not
    counted; else None
    """

    start: int
    texts: list[str]
    text_length: NDArray[np.int64]


class Pipeline:
    """Makes any range of the endless series of images of (settings, seed).

    source: where the texts come from; None: the source of `settings` for a run of unknown size
    renderer: one that was prepared earlier for the appearance of `settings` and for `bank`; a new text then costs
    only its own pixels

    Raises `SettingsError` when the longest text hardly ever fits into `settings.image_width`; the message names the
    smallest width that is not refused. Pickles as its first four arguments.
    """

    def __init__(
        self,
        settings: Settings,
        bank: AnyBank,
        seed: int,
        source: Source | None = None,
        renderer: Renderer | None = None,
    ) -> None:
        self.settings, self.seed = settings, seed
        self.source = source or source_of(settings, bank.characters)
        self.renderer = self._plain_renderer = renderer or Renderer(Appearance.of(settings), bank)
        if not set(bank.other_cases).isdisjoint(self.source.characters):
            self.renderer = self.renderer.with_cases
        if settings.signs == "draw" and not self.renderer.characters >= set(self.source.characters):
            self.renderer = self.renderer.with_signs
        self.bank = self.renderer.bank
        self.gaps = not self.renderer.characters >= set(self.source.characters)
        self._labels = self._label_table()
        if self.gaps:
            from digitseq.sources.gaps import check_characters  # texts without gaps start sooner

            # for the test glyphs of a split, too, which may lack a character that the training glyphs have
            check_characters(self.source, self.bank.characters, settings.signs)
        # before anything is written: a run must not end in the middle of what could have been known
        self._check_glyphs()
        self._check_fit()

    def __reduce__(self) -> tuple[type[Pipeline], tuple[Settings, AnyBank, int, Source]]:
        return Pipeline, (self.settings, self._plain_renderer.bank, self.seed, self.source)

    def with_source(self, source: Source) -> Pipeline:
        """The same pipeline with other texts."""
        return Pipeline(self.settings, self._plain_renderer.bank, self.seed, source, self._plain_renderer)

    def reseeded(self, seed: int) -> Pipeline:
        """The same pipeline with another seed and the same source, without preparing them again."""
        # the checks of __init__ are left out: what they look at is the same, but for a sample of texts
        other = object.__new__(Pipeline)
        other.__dict__ |= self.__dict__ | {"seed": seed}
        return other

    def use_one_thread(self) -> None:
        """Let OpenCV start no threads in this process, where it is used: for one process among several."""
        if self.renderer.appearance.operations or self.renderer.pen is not None:
            from digitseq.augment.base import opencv

            # 0 means no threads. 1 would wait for existing threads to end, which never happens in a forked process.
            opencv().setNumThreads(0)

    @property
    def widest(self) -> int:
        """No image is wider than this, in pixels."""
        return self.renderer.widest(self.source.max_length, self.gaps)

    @property
    def batch_size(self) -> int:
        """Number of images to make at once for speed; the images do not depend on it."""
        return self.renderer.batch_size(self.source.max_length, self.gaps)

    @property
    def keeps_texts(self) -> bool:
        """Whether labels are the texts of the source as they are."""
        return self._labels is None and not self._drops_gaps

    @property
    def _drops_gaps(self) -> bool:
        return self.gaps and self.settings.signs == "gap" and self.settings.gap_labels == "drop"

    def batch(self, start: int, stop: int) -> Batch:
        """Images start … stop-1, counted from 0. Depends only on the arguments and the pipeline's."""
        return self.batch_of(Rows.span(self.seed, start, stop))

    def batch_of(self, rows: Rows, codes: Codes | None = None) -> Batch:
        """Images of any `rows`. codes: of other texts than the source's, (B, n) with n the longest length."""
        if codes is None:
            codes = self.source.codes(rows)
        made = self.renderer.render(rows, codes, self.gaps, self.settings.masks)
        labels = codes
        if self._labels is not None:  # signs beyond the table have no case
            labels = np.where(codes < len(self._labels), self._labels.take(codes, mode="clip"), codes)
        if self._drops_gaps:
            made, labels = _without_gaps(made, labels)
        return Batch(**vars(made), start=int(rows.index[0]), texts=decode(labels), text_length=(labels > 0).sum(axis=1))

    def _label_table(self) -> NDArray[np.uint32] | None:
        """The character of a label for every code point of a text; None where labels are the texts."""
        s = self.settings
        table = label_table(self.bank.characters, s.label_case, drawn=s.letter_layout == "on")
        if table is None:
            return None
        known = sorted(c for c in self.source.characters if ord(c) < len(table))
        changed = {c: chr(table[ord(c)]) for c in known if table[ord(c)] != ord(c)}
        alike = [c for c, label in changed.items() if label in self.source.characters]
        if s.unique and alike:
            raise SettingsError(
                f"unique goes with letters that {s.dataset} has: its labels have {changed[alike[0]]!r} for "
                f"{alike[0]!r}, too, and can be the same",
                "unique",
            )
        return table if changed else None

    def _check_glyphs(self) -> None:
        if found := sorted(self.renderer.missing.intersection(self.source.characters)):
            raise SettingsError(
                f"split {self.settings.split} of {self.settings.dataset} has no glyph of {found[0]!r}", "split"
            )

    def _check_fit(self) -> None:
        s, made, n = self.settings, self.renderer, self.source.max_length
        if s.image_width and made.pen is not None:
            if s.image_width < (least := made.pen.least_width(n)):
                raise self._too_narrow(self.source.longest(), least)
        elif s.image_width and made.plain is not None:
            fits = made.plain.all_fit
            # Most texts fit even with the widest glyphs. `most` needs no distorted glyphs to be measured: it is first.
            if not (fits(n, self.gaps, made.plain.most) or fits(n, self.gaps, made.glyph_widths.most)):
                self._check_width()
        elif self.widest > MAX_WIDTH:
            name = "max_spacing" if made.pen is None else "image_height"
            raise SettingsError(
                f"a text can have {n} characters and `{name}` is {getattr(s, name)}: an image could be "
                f"{self.widest:,} pixels wide, at most {MAX_WIDTH:,} are possible; lower `{name}`",
                name,
            )

    def takes_any(self, characters: str) -> bool:
        """Whether no text of `characters`, as long as the longest of the source, is refused for its width.

        False where that is not sure. It measures glyphs, unless `Renderer.fit_is_known`.
        """
        s, made, n = self.settings, self.renderer, self.source.max_length
        if not s.image_width or made.plain is None or made.plain.all_fit(n, self.gaps, made.plain.most):
            return True
        places = self._places(encode([characters], len(characters)))[0]
        return self._usual(made.glyph_widths.widest_trials(places, n, s.min_spacing)) <= s.image_width

    def _usual(self, extent: NDArray[np.int64]) -> int:
        """The width in which texts that were so wide fit more often than hardly ever."""
        share = HARDLY_EVER_DISTORTED if self.renderer.appearance.operations else HARDLY_EVER
        return int(np.sort(extent)[math.ceil(share * len(extent)) - 1])

    def _check_width(self) -> None:
        """Refuse a width in which a text hardly ever fits, and name the smallest that is not refused."""
        s, widths, text = self.settings, self.renderer.glyph_widths, self.source.longest()
        enough = self._usual(widths.trials(self._places(encode([text], len(text))), s.min_spacing))
        if self.source.count != 1:
            # A shorter text may have wider characters than the longest one. The texts looked at are those of one
            # seed, so that a width that is named will do with others, too.
            codes = self.source.codes(Rows.span(0, 0, SAMPLE))
            narrowest = widths.narrowest(self._places(codes), s.min_spacing)
            if enough <= s.image_width < narrowest.max():
                text = decode(codes[[narrowest.argmax()]])[0]
            enough = max(enough, int(narrowest.max()))
        if s.image_width < enough:
            raise self._too_narrow(text, enough)

    def _too_narrow(self, text: str, enough: int) -> SettingsError:
        s = self.settings
        gaps = "" if self.renderer.pen is not None else f" with `min_spacing` {s.min_spacing}"
        return SettingsError(
            f"image_width {s.image_width} is too narrow for {len(text)} character{'s' * (len(text) > 1)} such as "
            f"{text:.20}{gaps}: use at least {enough} pixels, or 0 for as wide as needed",
            "image_width",
        )

    def _places(self, codes: Codes) -> NDArray[np.int64]:
        """int64 (B, n): the row of each character in the table of `GlyphWidths`."""
        classes = self.renderer.classes(codes)
        return np.where((classes < 0) & (codes > 0), len(self.bank.characters), classes)


def _without_gaps(made: Rendered, labels: Codes) -> tuple[Rendered, Codes]:
    """Labels without the characters that have no glyph; classes and boxes of the others move up."""
    shown = made.classes >= 0
    order = np.argsort(~shown, axis=1, kind="stable")
    kept = np.take_along_axis(np.where(shown, labels, 0), order, axis=1)
    classes, boxes = (
        np.take_along_axis(made.classes, order, axis=1),
        np.take_along_axis(made.boxes, order[..., None], 1),
    )
    return replace(made, classes=classes, boxes=boxes), kept
