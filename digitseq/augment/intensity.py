"""Noise in single glyphs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from digitseq.augment.base import Outline, Parameters, Pixels, Range, draw_uniform
from digitseq.augment.boxes import ink_box, inside_box
from digitseq.augment.ranges import check, parameter, probability
from digitseq.random_streams import Rows


@dataclass(frozen=True)
class Noise:
    """White specks in a glyph's ink box, each pixel on its own: dust, and a coarse scanner.

    ratio: share of the box's pixels set to white, 0 … 1; p: probability for each glyph.
    """

    ratio: Range = parameter((0.0, 0.1), "share of the box's pixels set to white", low=0, high=1)
    p: float = probability("glyph")
    name: ClassVar[str] = "noise"
    level: ClassVar[Literal["glyph", "image"]] = "glyph"
    reach: ClassVar[int] = 0

    def __post_init__(self) -> None:
        check(self)

    def grown(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def outline(self, points: Outline, rows: Rows) -> Outline:
        return points

    def draw(self, rows: Rows, n: int, cell: tuple[int, int]) -> Parameters:
        draws = rows.uniforms("parameters", 2 * n).reshape(-1, 2)
        pixels = cell[0] * cell[1]
        words = -(-pixels // 4)
        random_bits = np.ascontiguousarray(rows.words("pixels", words * n)).view(np.uint16)
        return {
            "on": draws[:, 0] < self.p,
            "ratio": draw_uniform(draws[:, 1], self.ratio),
            "random_bits": random_bits.reshape(-1, words * 4)[:, :pixels].reshape(-1, *cell),
        }

    def apply(self, cells: Pixels, parameters: Parameters) -> Pixels:
        share = np.rint(parameters["ratio"] * (1 << 16))
        chosen = np.flatnonzero(parameters["on"] & (share > 0))
        last = (share[chosen] - 1).astype(np.uint16)[:, None, None]
        specks = parameters["random_bits"][chosen] <= last
        specks &= inside_box(ink_box(cells[chosen]), *cells.shape[1:])
        out = cells.copy()
        out[chosen] |= np.negative(specks.view(np.uint8))  # true becomes 255
        return out
