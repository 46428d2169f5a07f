"""From digit heights to pixels: where a string is in its image, and how large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitseq.pen.hand import Hand, Numbers, between
from digitseq.pen.line_layout import Placed
from digitseq.pen.shapes import Shapes

EDGE = 1.0  # pixels of paper around all ink
MOST_OFF = 0.3  # a string is up to this far above or below the middle, in digit heights, where there is space


@dataclass(frozen=True)
class Frame:
    """Of B strings: float64 (B,) each, in pixels.

    size: of a digit height; x, y: where the left edge and the base line of the string are; climb: tangent by which the
    base line goes down; width: int64 (B,), of the images
    """

    size: Numbers
    x: Numbers
    y: Numbers
    climb: Numbers
    width: NDArray[np.int64]


@dataclass(frozen=True)
class Space:
    """What images have space for. height: pixels; width: pixels, or 0 for as wide as needed; digit: pixels of a digit
    height; widest: the most that an image can be wide."""

    height: int
    width: int
    digit: float
    widest: int


def frame_of(hand: Hand, shapes: Shapes, placed: Placed, ends: tuple[Numbers, Numbers], space: Space) -> Frame:
    """The frame of strings. ends: float64 (B,), how far marks reach left of the string and right of its beginning."""
    there, pen = shapes.there, hand.string["ink"]
    some = there.any(axis=1)
    top = np.where(some, np.where(there, placed.y + shapes.top, np.inf).min(axis=1), -1)
    bottom = np.where(some, np.where(there, placed.y + shapes.bottom, -np.inf).max(axis=1), 0)
    left, right = np.maximum(ends[0], 0), np.maximum(ends[1], placed.width)
    margins = hand.string["left_margin"], hand.string["right_margin"]
    full = left + right + pen
    if not space.width:
        full = full + margins[0] + margins[1]
    # what does not fit becomes smaller, as the writing of somebody does who runs out of paper
    size = np.minimum(space.digit * hand.string["size"], (space.height - 2 * EDGE) / (bottom - top + pen))
    size = np.minimum(size, ((space.width or space.widest) - 2 * EDGE) / full)
    slack = (space.height - 2 * EDGE - (bottom - top + pen) * size) / 2
    off = np.minimum(slack, MOST_OFF * size) * between(hand.strings["height"], -1, 1)
    y = space.height / 2 - (top + bottom) / 2 * size + off
    if space.width:
        width = np.full(len(size), space.width)
        x = (space.width - (right + left) * size) / 2 + left * size
    else:
        width = np.minimum(np.ceil(full * size + 2 * EDGE), space.widest).astype(np.int64)
        x = EDGE + (margins[0] + left + pen / 2) * size
    return Frame(size, x, y, -placed.slope, width)
