"""Profiles: how far glyphs reach to the left and right at each of some levels, the same for all glyphs of a line.

Lengths are in digit heights; levels count from the base line, downwards.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digitseq.glyphs.stroke_fields import FAR, ROWS
from digitseq.pen.hand import Numbers

HIGHEST, LOWEST, LEVELS = -1.5, 0.375, 15
STEP = (LOWEST - HIGHEST) / LEVELS
MIDDLES = HIGHEST + (np.arange(LEVELS) + 0.5) * STEP  # of the levels
ALONG = np.linspace(0, 1, 6)  # places on a stroke that widen a profile
Index = tuple[NDArray[np.int64], ...]


class Profiles(NamedTuple):
    """float64 (B, n, LEVELS) each: x of the leftmost and rightmost ink; `FAR` and -`FAR` where a glyph has none."""

    left: Numbers
    right: Numbers

    def middle(self, at: Index, y: Numbers) -> Numbers:
        """float64 (M,): the middle of the ink of glyphs, at these indices, at y, or else of their boxes."""
        level = level_of(y)
        low, high = self.left[(*at, level)], self.right[(*at, level)]
        middle: Numbers = np.where(low > high, self.left[at].min(axis=1) + self.right[at].max(axis=1), low + high) / 2
        return middle

    def widen(self, at: Index, start: Numbers, end: Numbers) -> None:
        """Add straight strokes (M, 2) to glyphs at these indices, in place."""
        for along in ALONG:
            x, y = (start + along * (end - start)).T
            place = *at, level_of(y)
            np.minimum.at(self.left, place, x)
            np.maximum.at(self.right, place, x)

    def moved(self, x: Numbers) -> Profiles:
        """Those of the same glyphs, each moved to the right by `x` (B, n)."""
        return Profiles(self.left + x[..., None], self.right + x[..., None])


def levelled(left: Numbers, right: Numbers, top: Numbers, bottom: Numbers) -> Profiles:
    """Profiles (B, n, ROWS) of equal parts of each glyph's height, as those of levels. top, bottom: (B, n)."""
    part = (MIDDLES - top[..., None]) / np.maximum(bottom - top, 1e-3)[..., None]
    row = np.floor(part * ROWS).astype(np.int64).clip(0, ROWS - 1)
    # a glyph between the middles of two levels, such as a dash, is at the nearer one
    inked = (top[..., None] - STEP / 2 <= MIDDLES) & (bottom[..., None] + STEP / 2 >= MIDDLES)
    return Profiles(
        np.where(inked, np.take_along_axis(left, row, axis=2), FAR),
        np.where(inked, np.take_along_axis(right, row, axis=2), -FAR),
    )


def level_of(y: Numbers) -> NDArray[np.int64]:
    """int64: the level of each y, or the nearest one."""
    level: NDArray[np.int64] = ((y - HIGHEST) / STEP).astype(np.int64)
    return level.clip(0, LEVELS - 1)
