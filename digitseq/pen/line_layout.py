"""Where the glyphs of a string go: gaps between inks, not boxes, touching neighbours, a base line that climbs.

Lengths are in digit heights.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digitseq.glyphs.stroke_fields import FAR
from digitseq.pen.hand import Hand, Numbers, between
from digitseq.pen.profiles import LEVELS
from digitseq.pen.shapes import Shapes

BLANK = 0.5  # the width of a character without glyphs
LEAST_STEP = 0.12  # a glyph begins at least this far to the right of where the one before it began
MOST_CLIMB = 3.0  # a base line ends at most this far above or below its beginning: long strings stay readable
BEND, BEND_LENGTH = 0.05, 0.8  # the base line is bent like a sine: its deviation, and radians in a digit height


class Placed(NamedTuple):
    """Where the glyphs of B strings of up to n are.

    x, y: float64 (B, n), left edge and base line of each glyph; width: float64 (B,), of the whole string
    slope: float64 (B,), tangent by which the base line goes up
    """

    x: Numbers
    y: Numbers
    width: Numbers
    slope: Numbers


def lay_out(hand: Hand, shapes: Shapes, blank: NDArray[np.bool_], extra: Numbers) -> Placed:
    """Places of the glyphs. blank: bool (B, n), characters that are gaps; extra: float64 (B, n), space for a mark in
    front of each glyph, or 0."""
    count, n = shapes.there.shape
    pen = hand.string["width"]
    gaps, clearance = _gaps(hand), _clearances(hand, pen)
    gaps = np.where(extra > 0, np.maximum(gaps, 0.05) + extra, gaps)
    x = np.zeros((count, n))
    end, start, skipped = np.zeros(count), np.full(count, -LEAST_STEP), np.zeros(count)
    reach = np.full((count, LEVELS), -FAR)
    begun = np.zeros(count, bool)
    left = np.where(shapes.there[..., None], _dilated(shapes.profiles.left), FAR)
    for j in range(n):
        there = shapes.there[:, j]
        place = np.maximum(end + gaps[:, j], start + LEAST_STEP)
        apart = (reach - left[:, j]).max(axis=1) + clearance[:, j]
        place = np.where(begun, np.maximum(place, apart), 0) + skipped
        x[:, j] = place
        skipped = np.where(there, 0, skipped + BLANK * blank[:, j])
        start, end = np.where(there, place, start), np.where(there, place + shapes.width[:, j], end)
        reach = np.where(there[:, None], place[:, None] + shapes.profiles.right[:, j], reach)
        begun |= there
    # an overlap can put a glyph left of the first one
    shown = np.where(shapes.there, x, FAR)
    first = np.where(begun, shown.min(axis=1), 0)
    x -= first[:, None]
    ends = np.where(shapes.there, x + shapes.width, 0)
    width = ends.max(axis=1) + skipped
    steepest = MOST_CLIMB / np.maximum(width, 1)
    slope = np.clip(hand.string["slope"], -steepest, steepest)
    return Placed(x, _base_lines(hand, x, slope), width, slope)


def _gaps(hand: Hand) -> Numbers:
    """float64 (B, n): the gap between the boxes of each glyph and the one before it."""
    u, string = hand.glyphs, hand.string
    gaps = (string["gap"] + string["width"])[:, None] + string["gap_jitter"][:, None] * hand.normal("gap")
    gaps += np.where(u["far"] < hand.style.far, -string["far_gap"][:, None] * np.log1p(-u["how_far"]), 0)
    gaps -= np.where(u["near"] < hand.style.near, -string["near_gap"][:, None] * np.log1p(-u["how_near"]), 0)
    return gaps


def _clearances(hand: Hand, pen: Numbers) -> Numbers:
    """float64 (B, n): the least distance between the centre lines of each glyph and the one before it, in any row."""
    touching = hand.glyphs["touching"] < hand.string["touching"][:, None]
    u = hand.glyphs["clearance"]
    widths = np.where(touching, between(u, -0.3, 1.1), between(u, 1.2, 2.6))
    return widths * pen[:, None]


def _dilated(left: Numbers) -> Numbers:
    """Profiles in which each row reaches as far as its neighbours: ink needs clearance upwards, too."""
    wide = left.copy()
    np.minimum(wide[..., 1:], left[..., :-1], out=wide[..., 1:])
    np.minimum(wide[..., :-1], left[..., 1:], out=wide[..., :-1])
    return wide


def _base_lines(hand: Hand, x: Numbers, slope: Numbers) -> Numbers:
    string = hand.string
    bend = BEND * between(hand.strings["bend"], -1.7, 1.7)[:, None] * np.sin(x * BEND_LENGTH)
    return bend + string["wander"][:, None] * hand.normal("wander") - slope[:, None] * x
