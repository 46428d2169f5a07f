"""Strokes that are added to the glyphs of strings, and those that join neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from digitseq.pen.digit_forms import Strokes, joined
from digitseq.pen.hand import Hand, Numbers
from digitseq.pen.line_layout import Placed
from digitseq.pen.profiles import MIDDLES
from digitseq.pen.shapes import Shapes

LEVEL = 0.1  # digit heights by which a joining stroke may be higher than it is long
LOW = -0.45  # digit heights above the base line: a stroke begins below
JOINED_FROM, JOINED_TO = -0.15, 0.65  # digit heights from an end to the next beginning that a stroke joins


def added_strokes(hand: Hand, shapes: Shapes, placed: Placed, letters: NDArray[np.bool_]) -> Strokes:
    """The strokes that are added to glyphs, in places of their strings, and those that join neighbouring `letters`."""
    own = shapes.strokes
    at = np.stack([placed.x[own.at], placed.y[own.at]], axis=1)
    there = shapes.there & letters
    pairs = there[:, 1:] & there[:, :-1] & hand.happens("joined")[:, None] & (hand.glyphs["joined"][:, 1:] < 0.5)
    text, place = np.nonzero(pairs)
    start = _end_of(shapes.profiles.right[text, place], placed, text, place, lowest=True)
    end = _end_of(shapes.profiles.left[text, place + 1], placed, text, place + 1, lowest=False)
    across, down = (end - start).T
    # a steep stroke would be a digit of its own
    near = (across > JOINED_FROM) & (across < JOINED_TO) & (np.abs(down) < across + LEVEL)
    bend = hand.glyphs["join_bend"][text, place]
    found = Strokes(text[near], place[near], start[near], end[near], bend[near])
    return joined(Strokes(own.text, own.place, own.start + at, own.end + at, own.bend), found)


def _end_of(
    profile: Numbers, placed: Placed, text: NDArray[np.int64], place: NDArray[np.int64], lowest: bool
) -> Numbers:
    """float64 (S, 2): where a pen leaves a glyph, low on its right, or comes to it, anywhere on its left."""
    reach = np.where(MIDDLES < LOW, profile - 1, profile) if lowest else -profile
    level = reach.argmax(axis=1)
    x = np.take_along_axis(profile, level[:, None], axis=1)[:, 0]
    return np.stack([x + placed.x[text, place], MIDDLES[level] + placed.y[text, place]], axis=1)
