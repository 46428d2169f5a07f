"""Glyph banks of other heights than that of the source files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from digitseq.glyphs.bank import GlyphBank
from digitseq.glyphs.scaling import GlyphColumns, Scaling, scaled, widest

METHOD = 1  # counted up when the same glyphs come out differently: cached banks are built again
MOST_BYTES = 1 << 28  # banks up to this size are built, in a few seconds


@dataclass(frozen=True)
class ScaledBank:
    """The glyphs of `base` in another size; glyph g is glyph g of `base`.

    built: `scaled_bank` of both, or None: then glyphs are scaled when they are picked, which gives the same. What
    is known without picking depends on `base` only, and is thus the same too.
    """

    base: GlyphBank
    scaling: Scaling
    built: GlyphBank | None = None

    def __len__(self) -> int:
        return len(self.base)

    @property
    def height(self) -> int:
        """Height of an image in pixels."""
        return self.scaling.height

    @property
    def width(self) -> NDArray[np.int64]:
        """int64 (N,): upper bounds of the widths of the glyphs, in pixels."""
        return widest(self.base.width, self.scaling)

    def pick(self, glyph: NDArray[np.int64]) -> GlyphColumns:
        """Glyphs (…), in an array of any shape."""
        if self.built is not None:
            return picked(self.built, glyph)
        made = scaled(picked(self.base, glyph.ravel()), self.scaling)
        return GlyphColumns(made.columns, *(box.reshape(glyph.shape) for box in made[1:]))

    def share(self, low: float, high: float) -> ScaledBank:
        """The same share of the glyphs as `GlyphBank.share`."""
        built = None if self.built is None else self.built.share(low, high)
        return replace(self, base=self.base.share(low, high), built=built)


def picked(bank: GlyphBank, glyph: NDArray[np.int64]) -> GlyphColumns:
    """Glyphs (…) of a bank, in an array of any shape."""
    boxes = (bank.start, bank.width, bank.top, bank.bottom)
    return GlyphColumns(bank.columns, *(values.take(glyph).astype(np.int64) for values in boxes))


def scaled_bank(bank: GlyphBank, scaling: Scaling) -> GlyphBank:
    """A bank in memory, of height `scaling.height`, whose glyph g is glyph g of `bank` in the new size.

    Peak memory is twice that of its columns; see `scaled_bytes`.
    """
    glyphs = scaled(picked(bank, np.arange(len(bank))), scaling)
    boxes = {name: getattr(glyphs, name).astype(np.uint16) for name in ("width", "top", "bottom")}
    return replace(
        bank,
        digest=scaled_digest(bank.digest, scaling),
        columns=glyphs.columns,
        start=glyphs.start,
        **boxes,
        path=None,
        origin=None,
    )


def scaled_digest(digest: str, scaling: Scaling) -> str:
    """The digest of the scaled bank of a bank with this digest."""
    return hashlib.sha256(f"{digest} {scaling.height} {scaling.glyph_height} {METHOD}".encode()).hexdigest()


def scaled_bytes(bank: GlyphBank, scaling: Scaling) -> int:
    """About how many bytes the columns of the scaled bank take."""
    return round(float(bank.width.sum(dtype=np.int64)) * scaling.factor * scaling.height)
