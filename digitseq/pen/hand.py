"""Draws what strings and their glyphs are like from a style: arrays, one value for each string or glyph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.options import options
from digitseq.options.spread import normal
from digitseq.pen.style import PenStyle
from digitseq.random_streams import Rows

Numbers = NDArray[np.float64]
# The columns of the table of each string. What a seed gives depends on their order.
OF_STRING = (
    "width", "darkness", "roughness", "gray", "gray_level", "gray_slope", "slant", "slant_jitter", "own_slant",
    "aspect", "size_jitter", "slope", "wander", "bend", "gap", "gap_jitter", "touching", "flag", "flag_length",
    "flag_angle", "foot", "bar", "joined", "left_margin", "right_margin", "height", "size",
)  # fmt: skip
OF_GLYPH = (
    "slant", "size", "stretch", "turn", "alike", "wander", "gap", "far", "how_far", "near", "how_near", "touching",
    "clearance", "pressure", "pressure_across", "pressure_down", "stroke", "stroke_length", "stroke_angle",
    "stroke_bend", "stroke_place", "foot", "joined", "join_bend",
)  # fmt: skip
GRAY_INK = 0.4  # as much paper as nearly all strokes of glyphs need that keep their own; lines end before ink does
GRAY_PEN = 0.13  # width, in digit heights, of the strokes that are added to glyphs that keep their own
PEN_PARAMETERS = (
    "width", "darkness", "roughness", "slant", "slant_jitter", "own_slant", "aspect", "size", "size_jitter", "wander",
    "gap", "gap_jitter", "touching",
)  # fmt: skip


@dataclass(frozen=True)
class Hand:
    """What B strings of up to n glyphs are like.

    string: of each string, float64 (B,): the parameters of `PenStyle` that have a value for each string, by name, and
    `ink`, how much paper its strokes need, in digit heights
    strings, glyphs: uniform numbers in [0, 1) for what else is random: float64 (B,) and (B, n), by name
    """

    style: PenStyle
    string: dict[str, Numbers]
    strings: dict[str, Numbers]
    glyphs: dict[str, Numbers]

    def happens(self, name: str) -> NDArray[np.bool_]:
        """bool (B,): strings in which what the share `name` of the style counts is so."""
        so: NDArray[np.bool_] = self.strings[name] < getattr(self.style, name)
        return so

    def normal(self, name: str) -> Numbers:
        """float64 (B, n): a normal number for each glyph, mean 0 and deviation 1."""
        return normal(self.glyphs[name])


def draw_hand(style: PenStyle, rows: Rows, n: int) -> Hand:
    """The hands that write the strings of `rows`, of up to `n` glyphs each."""
    strings = dict(zip(OF_STRING, rows.uniforms("hand", len(OF_STRING)).T))
    table = rows.uniforms("glyphs of a hand", len(OF_GLYPH) * n).reshape(len(rows), n, len(OF_GLYPH))
    glyphs = {name: table[:, :, k] for k, name in enumerate(OF_GLYPH)}
    string = {name: drawn(style, name, strings[name]) for name in PEN_PARAMETERS}
    string["slope"] = np.tan(np.radians(drawn(style, "slope", strings["slope"])))
    # one value for each string, too: large where the figure beside it is large
    for name, source in (("stretch", "size_jitter"), ("far_gap", "gap"), ("near_gap", "gap_jitter")):
        string[name] = drawn(style, name, strings[source])
    for side in ("left_margin", "right_margin"):
        string[side] = drawn(style, "margin", strings[side])
    hand = Hand(style, string, strings, glyphs)
    gray = hand.happens("gray")
    string["ink"] = np.where(gray, GRAY_INK, string["width"])
    string["width"] = np.where(gray, GRAY_PEN, string["width"])
    return hand


def drawn(style: PenStyle, name: str, draws: Numbers) -> Numbers:
    """Uniform numbers turned into values of a parameter of `style`."""
    kind: Any = options(PenStyle)[name].kind
    found: Numbers = kind.draw(getattr(style, name), draws)
    return found


def ends_of(style: PenStyle, name: str) -> tuple[float, float]:
    """The least and greatest value that a parameter of `style` can have."""
    kind: Any = options(PenStyle)[name].kind
    ends: tuple[float, float] = kind.ends(getattr(style, name))
    return ends


def between(draws: Numbers, low: float, high: float) -> Numbers:
    """Uniform numbers in [0, 1) stretched to low … high."""
    return low + draws * (high - low)
