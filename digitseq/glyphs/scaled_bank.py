"""Glyph banks of other heights than that of the source files."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from digitseq.glyphs.bank import GlyphBank
from digitseq.glyphs.scaling import GlyphColumns, Scaling, scaled

METHOD = 1  # counted up when the same glyphs come out differently: cached banks are built again


def scaled_bank(bank: GlyphBank, scaling: Scaling) -> GlyphBank:
    """A bank in memory, of height `scaling.height`, whose glyph g is glyph g of `bank` in the new size.

    Peak memory is twice that of its columns; see `scaled_bytes`.
    """
    glyphs = scaled(GlyphColumns(bank.columns, bank.start, bank.width, bank.top, bank.bottom), scaling)
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
