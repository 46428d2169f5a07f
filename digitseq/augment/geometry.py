"""Affine distortions of single glyphs: how a hand turns, slants, sizes and places them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Parameters
from digitseq.augment.draws import Range, draw_integer
from digitseq.augment.maps import Affine, AffineMap, identity
from digitseq.augment.ranges import parameter, probability


@dataclass(frozen=True)
class Rotate(AffineMap):
    """Rotate each glyph about its centre.

    angle: degrees, counter-clockwise, -180 … 180; p: probability for each glyph.
    """

    angle: Range = parameter((-15.0, 15.0), "turn, counter-clockwise", low=-180, high=180, unit="degrees")
    p: float = probability("glyph")

    def grown(self, height: int, width: int) -> tuple[int, int]:
        turns = np.radians(np.linspace(*self.angle, 361))
        cos, sin = np.abs(np.cos(turns)), np.abs(np.sin(turns))
        return (
            math.ceil((height * cos + width * sin).max()) + 1,
            math.ceil((width * cos + height * sin).max()) + 1,
        )

    def affine(self, parameters: Parameters) -> Affine:
        turn = np.radians(parameters["angle"])
        maps = identity(len(turn))
        maps[:, 0, 0] = maps[:, 1, 1] = np.cos(turn)
        maps[:, 1, 0] = np.sin(turn)
        maps[:, 0, 1] = -maps[:, 1, 0]
        return maps


@dataclass(frozen=True)
class Shear(AffineMap):
    """Slant every glyph, as writers lean theirs: rows move sideways in proportion to their height.

    angle: degrees from upright, to the right, -60 … 60; p: probability for each glyph.
    """

    angle: Range = parameter((-15.0, 15.0), "slant to the right", low=-60, high=60, unit="degrees")
    p: float = probability("glyph")

    def grown(self, height: int, width: int) -> tuple[int, int]:
        slope = math.tan(math.radians(max(abs(self.angle[0]), abs(self.angle[1]))))
        return height, width + math.ceil(height * slope) + 1

    def affine(self, parameters: Parameters) -> Affine:
        maps = identity(len(parameters["angle"]))
        maps[:, 0, 1] = np.tan(np.radians(parameters["angle"]))
        return maps


@dataclass(frozen=True)
class Scale(AffineMap):
    """Enlarge or shrink each glyph. Glyphs taller than the image are shrunk to fit.

    factor: new size over the old one, 0.3 … 3; p: probability for each glyph.
    """

    factor: Range = parameter((0.8, 1.15), "new size over the old one", low=0.3, high=3)
    p: float = probability("glyph")
    neutral = 1

    def grown(self, height: int, width: int) -> tuple[int, int]:
        largest = max(self.factor[1], 1.0)
        return math.ceil(height * largest) + 1, math.ceil(width * largest) + 1

    def affine(self, parameters: Parameters) -> Affine:
        return identity(len(parameters["factor"])) / parameters["factor"][:, None, None]


@dataclass(frozen=True)
class Shift(AffineMap):
    """Write every glyph a little above or below the line, by whole pixels: baseline jitter.

    pixels: downward, -14 … 14, as far as the image's height allows; p: probability for each glyph.
    """

    pixels: Range = parameter((-2, 2), "shift downward", low=-14, high=14, unit="pixels", integer=True)
    p: float = probability("glyph")

    def grown(self, height: int, width: int) -> tuple[int, int]:
        farthest = max(abs(self.pixels[0]), abs(self.pixels[1])) * self.enlargement
        return height + 2 * round(farthest), width

    def strengths(self, draws: NDArray[np.float64]) -> NDArray[Any]:
        moves: NDArray[Any] = np.rint(draw_integer(draws, self.pixels) * self.enlargement)
        return moves

    def affine(self, parameters: Parameters) -> Affine:
        maps = identity(len(parameters["pixels"]))
        maps[:, 1, 2] = -parameters["pixels"]
        return maps
