"""Glyph banks of other heights than that of the source files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from digitseq.glyphs.bank import GlyphBank
from digitseq.glyphs.glyph_columns import GlyphColumns
from digitseq.glyphs.letter_layout import LetterLayout, Places
from digitseq.glyphs.scaling import Scaling, scaled, widest
from digitseq.glyphs.signs import scaled_pens

METHOD = 1  # counted up when the same glyphs come out differently: cached banks are built again
LETTER_METHOD = 1  # the same for those with a letter layout
MOST_BYTES = 1 << 28  # banks up to this size are built, in a few seconds
MOST_LETTER_BYTES = 1 << 29  # the same for those with a letter layout: EMNIST's largest set at its own height


class DerivedBank:
    """What a bank that is made of `base` has from it, and from the size; as in `GlyphBank`."""

    base: GlyphBank
    scaling: Scaling

    def __len__(self) -> int:
        return len(self.base)

    @property
    def height(self) -> int:
        """Height of an image in pixels."""
        return self.scaling.height

    @property
    def factor(self) -> float:
        """Size of the digits over that of `base`."""
        return self.scaling.factor

    @property
    def characters(self) -> str:
        """One for each class."""
        return self.base.characters

    @property
    def class_start(self) -> NDArray[np.int64]:
        """int64 (C+1,): the first glyph of each class."""
        return self.base.class_start

    @property
    def signs(self) -> int:
        """How many of the classes, the last ones, are drawn signs."""
        return self.base.signs

    @property
    def other_cases(self) -> str:
        """The classes that `with_cases` adds."""
        return self.base.other_cases


@dataclass(frozen=True)
class ScaledBank(DerivedBank):
    """The glyphs of `base` in another size; glyph g is glyph g of `base`. What it has is as in `GlyphBank`.

    built: `scaled_bank` of both, or None: then glyphs are scaled when they are picked, which gives the same. What
    is known without picking depends on `base` only, and is thus the same too.
    """

    written: ClassVar[Literal[False]] = False

    base: GlyphBank
    scaling: Scaling
    built: GlyphBank | None = None

    @property
    def label(self) -> NDArray[np.uint8]:
        """uint8 (N,): the class of each glyph."""
        return self.base.label

    @cached_property
    def pen(self) -> NDArray[np.uint8]:
        """uint8 (N,): the number of the pen that is as wide as the glyph's strokes."""
        if self.scaling.line is None:
            return self.base.pen
        return scaled_pens(self.base.pen, self.factors(np.arange(len(self))) / self.factor)

    @property
    def digest(self) -> str:
        """Identifies the source files and the size, hex."""
        return scaled_digest(self.base.digest, self.scaling)

    def factors(self, glyph: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64 (N,): sizes of glyphs (N,) over those of `base`."""
        layout, bank = layout_of(self.base, self.scaling), self.base
        if layout is None:
            return np.full(len(glyph), self.factor)
        return layout.factors(bank.label.take(glyph), bank.bottom.take(glyph) - bank.top.take(glyph))

    @cached_property
    def width(self) -> NDArray[np.int64]:
        """int64 (N,): estimated widths of the glyphs, in pixels; those of `pick` are exact."""
        return np.rint(self.base.width * self.factors(np.arange(len(self)))).astype(np.int64)

    @cached_property
    def widest(self) -> int:
        """Upper bound of the width of a glyph, in pixels."""
        return int(widest(self.base.width, self.scaling).max())

    @cached_property
    def tallest(self) -> int:
        """Upper bound of the height of a glyph's ink, in pixels."""
        return min(int(widest(np.array(self.base.tallest), self.scaling)), self.height)

    def pick(self, glyph: NDArray[np.int64]) -> GlyphColumns:
        """Glyphs (…), in an array of any shape; their boxes are int64 (…)."""
        if self.built is not None:
            return self.built.pick(glyph)
        some = glyph.ravel()
        made = scaled(self.base.pick(some), self.scaling, places_of(self.base, self.scaling, some))
        return GlyphColumns(made.columns, *(box.reshape(glyph.shape) for box in made[1:]))

    def with_cases(self) -> ScaledBank:
        """As `GlyphBank.with_cases`."""
        return self._both(GlyphBank.with_cases)

    def with_signs(self) -> ScaledBank:
        """As `GlyphBank.with_signs`."""
        return self._both(GlyphBank.with_signs)

    def share(self, low: float, high: float) -> ScaledBank:
        """The same share of the glyphs as `GlyphBank.share`."""
        return self._both(lambda bank: bank.share(low, high))

    def _both(self, changed: Callable[[GlyphBank], GlyphBank]) -> ScaledBank:
        return replace(self, base=changed(self.base), built=None if self.built is None else changed(self.built))

    def __reduce__(self) -> tuple[Any, ...]:
        return ScaledBank, (self.base, self.scaling, self.built)  # without what was computed from them


Bank = GlyphBank | ScaledBank


def scaled_bank(bank: GlyphBank, scaling: Scaling) -> GlyphBank:
    """A bank in memory, of height `scaling.height`, whose glyph g is glyph g of `bank` in the new size.

    Peak memory is two and a half times that of its columns; see `scaled_bytes`. It has the signs of `bank`, too, in
    the new size.
    """
    whole = bank.with_signs()
    every = np.arange(len(whole))
    glyphs = scaled(whole.pick(every), scaling, places_of(whole, scaling, every))
    end = np.cumsum(glyphs.width)
    start = end - glyphs.width
    used = (glyphs.start - start).repeat(glyphs.width) + np.arange(end[-1])
    boxes = {name: getattr(glyphs, name).astype(np.uint16) for name in ("width", "top", "bottom")}
    made = replace(
        whole,
        digest=scaled_digest(bank.digest, scaling),
        columns=glyphs.columns.take(used, axis=0),
        start=start,
        **boxes,
        complete=None,
        path=None,
        origin=None,
    )
    return made.bare()


def places_of(bank: GlyphBank, scaling: Scaling, glyph: NDArray[np.int64]) -> Places | None:
    """Where glyphs (N,) of `bank` get a size or place of their own: with a letter layout."""
    if (layout := layout_of(bank, scaling)) is None:
        return None
    return layout.places(*(array.take(glyph) for array in (bank.label, bank.top, bank.bottom)))


def layout_of(bank: GlyphBank, scaling: Scaling) -> LetterLayout | None:
    """The letter layout of `bank` in another size, or None."""
    if scaling.line is None:
        return None
    return _letter_layout(bank.characters, bank.signs, scaling.line, scaling.factor, scaling.height)


_letter_layout = lru_cache(maxsize=16)(LetterLayout)


def scaled_digest(digest: str, scaling: Scaling) -> str:
    """The digest of the scaled bank of a bank with this digest."""
    letters = "" if scaling.line is None else f" {scaling.line} {LETTER_METHOD}"
    size = f"{scaling.height} {scaling.glyph_height} {METHOD}"
    return hashlib.sha256(f"{digest} {size}{letters}".encode()).hexdigest()


def is_large(bank: GlyphBank, scaling: Scaling) -> bool:
    """Whether the scaled bank is too large to be built: its glyphs are scaled when they are used."""
    return scaled_bytes(bank, scaling) > (MOST_BYTES if scaling.line is None else MOST_LETTER_BYTES)


def scaled_bytes(bank: GlyphBank, scaling: Scaling) -> int:
    """About how many bytes the columns of the scaled bank take."""
    whole = ScaledBank(bank.with_signs(), scaling)
    return round(float(whole.base.width @ whole.factors(np.arange(len(whole)))) * scaling.height)
