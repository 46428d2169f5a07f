"""Strokes that are added to the glyphs of strings, and those that join neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from digitseq.pen.hand import Hand, Numbers
from digitseq.pen.line_layout import Placed
from digitseq.pen.shapes import HIGHEST, LEVELS, LOWEST, Shapes, Strokes

JOINED_FROM, JOINED_TO = -0.15, 0.65  # digit heights from an end to the next beginning that a stroke joins


def added_strokes(hand: Hand, shapes: Shapes, placed: Placed, letters: NDArray[np.bool_]) -> Strokes:
    """The strokes that are added to glyphs, in places of their strings, and those that join neighbouring `letters`."""
    own = shapes.strokes
    at = np.stack([placed.x[own.text, own.place], placed.y[own.text, own.place]], axis=1)
    there = shapes.there & letters
    pairs = there[:, 1:] & there[:, :-1] & hand.happens("joined")[:, None] & (hand.glyphs["joined"][:, 1:] < 0.5)
    text, place = np.nonzero(pairs)
    start = _end_of(shapes.right[text, place], placed, text, place, lowest=True)
    end = _end_of(shapes.left[text, place + 1], placed, text, place + 1, lowest=False)
    near = (end[:, 0] - start[:, 0] > JOINED_FROM) & (end[:, 0] - start[:, 0] < JOINED_TO)
    bend = hand.glyphs["join_bend"][text, place]
    return Strokes(
        np.concatenate([own.text, text[near]]), np.concatenate([own.place, place[near]]),
        np.concatenate([own.start + at, start[near]]), np.concatenate([own.end + at, end[near]]),
        np.concatenate([own.bend, bend[near]]),
    )  # fmt: skip


def _end_of(
    profile: Numbers, placed: Placed, text: NDArray[np.int64], place: NDArray[np.int64], lowest: bool
) -> Numbers:
    """float64 (S, 2): where a pen leaves a glyph, low on its right, or comes to it, anywhere on its left."""
    levels = HIGHEST + (np.arange(LEVELS) + 0.5) * ((LOWEST - HIGHEST) / LEVELS)
    reach = np.where(levels < -0.45, profile - 1, profile) if lowest else -profile
    level = reach.argmax(axis=1)
    x = np.take_along_axis(profile, level[:, None], axis=1)[:, 0]
    return np.stack([x + placed.x[text, place], levels[level] + placed.y[text, place]], axis=1)
