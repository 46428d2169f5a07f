"""Noise in single glyphs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from digitseq.augment.base import GlyphOperation, Parameters, Pixels, Range, random_integers
from digitseq.augment.boxes import ink_box, inside_box
from digitseq.augment.ranges import parameter, probability
from digitseq.random_streams import Rows


@dataclass(frozen=True)
class Noise(GlyphOperation):
    """White specks in a glyph's ink box, each pixel on its own: dust, and a coarse scanner.

    ratio: share of the box's pixels set to white, 0 … 1; p: probability for each glyph.
    """

    ratio: Range = parameter((0.0, 0.1), "share of the box's pixels set to white", low=0, high=1)
    p: float = probability("glyph")
    strength_name = "ratio"

    def draw(self, rows: Rows, n: int, cell: tuple[int, int]) -> Parameters:
        return super().draw(rows, n, cell) | {"noise": random_integers(rows, "pixels", cell, np.uint16, n)}

    def apply(self, cells: Pixels, parameters: Parameters) -> Pixels:
        share = np.rint(parameters["ratio"] * (1 << 16))
        chosen = np.flatnonzero(share)
        last = (share[chosen] - 1).astype(np.uint16)[:, None, None]
        specks = parameters["noise"][chosen] <= last
        specks &= inside_box(ink_box(cells[chosen]), *cells.shape[1:])
        out = cells.copy()
        out[chosen] |= np.negative(specks.view(np.uint8))  # true becomes 255
        return out
