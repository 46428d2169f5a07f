"""Glyph banks whose glyphs are written with a pen along their centre lines."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from digitseq.glyphs.bank import GlyphBank
from digitseq.glyphs.scaled_bank import Bank, DerivedBank
from digitseq.glyphs.scaling import BOX, Scaling

if TYPE_CHECKING:
    from digitseq.glyphs.stroke_bank import StrokeBank  # it loads what finds centre lines

WIDEST = 2.5  # digit heights: no glyph that is written is wider


@dataclass(frozen=True)
class PenBank(DerivedBank):
    """The glyphs of `base`, as chosen from them, with the `strokes` of the whole data set. What it has is as in
    `GlyphBank`; heights are those of images. letter_layout: small letters are smaller, see `letter_layout`"""

    written: ClassVar[Literal[True]] = True

    base: GlyphBank
    strokes: StrokeBank
    scaling: Scaling
    letter_layout: bool = True

    @property
    def digit(self) -> float:
        """Height of a digit in pixels."""
        return BOX * self.scaling.factor

    @property
    def digest(self) -> str:
        """Identifies the source files, how centre lines are found, and the size, hex."""
        about = f"{self.base.digest} {self.strokes.digest} {self.scaling} {self.letter_layout}"
        return hashlib.sha256(about.encode()).hexdigest()

    @property
    def widest(self) -> int:
        """Upper bound of the width of a glyph, in pixels."""
        return math.ceil(WIDEST * self.digit)

    @property
    def tallest(self) -> int:
        """Upper bound of the height of a glyph's ink, in pixels."""
        return self.height

    def with_cases(self) -> PenBank:
        """As `GlyphBank.with_cases`."""
        return replace(self, base=self.base.with_cases())

    def with_signs(self) -> PenBank:
        """As `GlyphBank.with_signs`."""
        return replace(self, base=self.base.with_signs())

    def share(self, low: float, high: float) -> PenBank:
        """The same share of the glyphs as `GlyphBank.share`."""
        return replace(self, base=self.base.share(low, high))


AnyBank = Bank | PenBank
