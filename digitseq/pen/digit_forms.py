"""Forms of digits that MNIST, which is American, hardly has: a 1 with an up-stroke or a foot, a 7 with a bar.

Lengths are in digit heights.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digitseq.pen.hand import Hand, Numbers, between, drawn
from digitseq.pen.profiles import Index, Profiles

USUALLY = 0.93  # share of the 1s and 7s of a string that have the form of the string
FOOT = (0.12, 0.3)  # half the length of the foot of a 1
BAR_LEFT = (0.06, 0.35)  # how far the bar of a 7 reaches to the left of its stem


class Strokes(NamedTuple):
    """Straight strokes that are added to glyphs.

    text, place: int64 (S,), the string and the glyph in it; start, end: float64 (S, 2), x and y; bend: float64 (S,),
    in [0, 1), which variant of a stroke it is
    """

    text: NDArray[np.int64]
    place: NDArray[np.int64]
    start: Numbers
    end: Numbers
    bend: Numbers

    @property
    def at(self) -> Index:
        """The glyphs, as indices of arrays (B, n)."""
        return self.text, self.place


def joined(*parts: Strokes) -> Strokes:
    """All strokes of several."""
    return Strokes(*(np.concatenate(arrays) for arrays in zip(*parts)))


def digit_forms(
    hand: Hand, characters: str, classes: NDArray[np.int64], profiles: Profiles, top: Numbers, bottom: Numbers
) -> Strokes:
    """The strokes that are added to the 1s and 7s of strings in which they are written so.

    classes: (B, n), of glyphs with these profiles, that reach from `top` to `bottom` (B, n)
    """
    ones, sevens = ((classes == characters.find(digit)) & (classes >= 0) for digit in "17")
    usually = hand.glyphs["stroke"] < USUALLY
    flags, feet, bars = (
        np.nonzero(digits & hand.happens(name)[:, None])
        for digits, name in ((ones & usually, "flag"), (ones, "foot"), (sevens & usually, "bar"))
    )
    return joined(_flags(hand, flags, profiles, top), _feet(hand, feet, profiles, bottom), _bars(hand, bars, profiles))


def _flags(hand: Hand, at: Index, profiles: Profiles, top: Numbers) -> Strokes:
    """From the top of a 1 down to the left."""
    (text, place), u, style, y = at, hand.glyphs, hand.style, top[at]
    x = profiles.middle(at, y)
    length = drawn(style, "flag_length", u["stroke_length"][at]) * between(hand.strings["flag_length"][text], 0.4, 1)
    angle = drawn(hand.style, "flag_angle", hand.strings["flag_angle"][text]) + between(
        u["stroke_angle"][at], -0.15, 0.15
    )
    end = np.stack([x - length * np.sin(angle), y + length * np.cos(angle)], axis=1)
    return Strokes(text, place, np.stack([x, y], axis=1), end, u["stroke_bend"][at])


def _feet(hand: Hand, at: Index, profiles: Profiles, bottom: Numbers) -> Strokes:
    """Below a 1."""
    (text, place), u, y = at, hand.glyphs, bottom[at]
    x, half = profiles.middle(at, y), between(u["foot"][at], *FOOT)
    tilt = between(u["stroke_angle"][at], -0.06, 0.06)
    start, end = np.stack([x - half, y + tilt], axis=1), np.stack([x + half, y - tilt], axis=1)
    return Strokes(text, place, start, end, u["joined"][at])


def _bars(hand: Hand, at: Index, profiles: Profiles) -> Strokes:
    """Through the stem of a 7."""
    (text, place), u = at, hand.glyphs
    y = -drawn(hand.style, "bar_height", 1 - u["stroke_place"][at])
    x, tilt = profiles.middle(at, y), between(u["stroke_angle"][at], -0.14, 0.08)
    start = np.stack([x - between(u["foot"][at], *BAR_LEFT), y - tilt], axis=1)
    end = np.stack([x + drawn(hand.style, "bar_length", u["stroke_length"][at]), y + tilt], axis=1)
    return Strokes(text, place, start, end, u["stroke_bend"][at])
