"""The shapes of the glyphs of strings as a hand writes them: size, lean and additional strokes of each.

Lengths are in digit heights. x counts from a glyph's own left edge, y from the base line, downwards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from digitseq.glyphs.pen_bank import WIDEST
from digitseq.glyphs.scaling import BOX
from digitseq.glyphs.stroke_fields import ROWS
from digitseq.pen.digit_forms import Strokes, digit_forms
from digitseq.pen.hand import Hand, Numbers, drawn
from digitseq.pen.pen_alphabet import LEAST_HEIGHT, PenAlphabet
from digitseq.pen.profiles import Profiles, levelled

MOST_LEAN = 0.6  # a glyph that leans further is straightened by this much only
MOST_WIDTH = WIDEST - 0.5  # of the centre line of a glyph
RECALLED = 8  # characters that are looked back for one that is the same


@dataclass(frozen=True)
class Shapes:
    """The glyphs of B strings of up to n.

    row: int64 (B, n), of the stroke bank; there: bool (B, n)
    matrix: float64 (B, n, 2, 2), offset: float64 (B, n, 2): where a pixel of the field, from its middle, comes to
    scale: float64 (B, n), digit heights of a pixel of the field
    width, top, bottom: float64 (B, n), of the box of the centre line
    """

    row: NDArray[np.int64]
    there: NDArray[np.bool_]
    matrix: Numbers
    offset: Numbers
    scale: Numbers
    width: Numbers
    top: Numbers
    bottom: Numbers
    profiles: Profiles
    strokes: Strokes


def shape_glyphs(hand: Hand, alphabet: PenAlphabet, classes: NDArray[np.int64], draws: Numbers) -> Shapes:
    """The glyphs of `classes` (B, n), -1 for none, as `hand` writes them. draws: (B, n) in [0, 1), for their choice."""
    there, known = classes >= 0, np.maximum(classes, 0)
    row = _alike(hand, known, there, alphabet.choose(known, draws))
    lines = alphabet.strokes.lines
    top, bottom = (edge.take(row).astype(np.float64) for edge in (lines.top, lines.bottom))
    across, down, base = _sizes(hand, alphabet, row, known, bottom - top)
    matrix = _matrices(hand, alphabet, row, known, across, down)
    levels = top[..., None] + (np.arange(ROWS) + 0.5) / ROWS * (bottom - top)[..., None] - base[..., None]
    leaning = matrix[..., 0, 1, None] * levels
    left, right = (across[..., None] * side.take(row, axis=0) + leaning for side in (lines.left, lines.right))
    ends = (top - base) * down, (bottom - base) * down
    profiles = levelled(left, right, *ends)
    strokes = digit_forms(hand, alphabet.characters, classes, profiles, *ends)
    profiles.widen(strokes.at, strokes.start, strokes.end)
    edge = np.where(there, profiles.left.min(axis=2), 0)
    for points in (strokes.start, strokes.end):
        points[:, 0] -= edge[strokes.at]
    profiles = profiles.moved(-edge)
    offset = np.stack([-edge - matrix[..., 0, 1] * base, -base * down], axis=-1)
    # to lean is to turn columns: only rows are turned
    climb = np.tan(np.radians(drawn(hand.style, "turn", hand.glyphs["turn"])))
    matrix[..., 1, 0] -= climb * across
    width, scale = np.where(there, profiles.right.max(axis=2), 0), np.sqrt(across * down)
    lifted = np.abs(climb) * width / 2
    edges = ends[0] - lifted, ends[1] + lifted
    return _narrowed(Shapes(row, there, matrix, offset, scale, width, *edges, profiles, strokes))


def _alike(
    hand: Hand, classes: NDArray[np.int64], there: NDArray[np.bool_], row: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The rows, with repeated characters that are the same glyph as before."""
    again = hand.glyphs["alike"] < hand.style.alike
    texts = np.arange(len(row))
    for j in range(1, row.shape[1]):
        before = np.full(len(row), j)
        for i in range(max(j - RECALLED, 0), j):
            before = np.where((classes[:, i] == classes[:, j]) & there[:, i], i, before)
        row[:, j] = np.where(again[:, j], row[texts, before], row[:, j])
    return row


def _sizes(
    hand: Hand, alphabet: PenAlphabet, row: NDArray[np.int64], classes: NDArray[np.int64], tall: Numbers
) -> tuple[Numbers, Numbers, Numbers]:
    """float64 (B, n) each: digit heights of a pixel across and down, and the row of the base line in the field.

    tall: pixels, of the centre lines
    """
    string, strokes, signs = hand.string, alphabet.strokes, alphabet.signs[classes]
    rise, drop = alphabet.rise[classes], alphabet.drop[classes]
    tall = np.maximum(tall, LEAST_HEIGHT)
    size = np.exp(string["size_jitter"][:, None] * hand.normal("size"))
    down = size * np.where(signs, 1 / BOX, (rise + drop) / tall)
    # a glyph that is wide and low stays a little wide
    across = down * np.where(signs, 1, np.clip(tall / BOX, 0.75, 1) ** 0.5)
    across *= string["aspect"][:, None] * np.exp(string["stretch"][:, None] * hand.normal("stretch"))
    base = np.where(signs, strokes.base.take(row), strokes.lines.bottom.take(row) - drop * size / down)
    return across, down, base


def _matrices(
    hand: Hand,
    alphabet: PenAlphabet,
    row: NDArray[np.int64],
    classes: NDArray[np.int64],
    across: Numbers,
    down: Numbers,
) -> Numbers:
    """float64 (B, n, 2, 2): glyphs straightened, and leaning as the string does."""
    string, usual = hand.string, alphabet.usual_lean[classes]
    own = np.clip(alphabet.strokes.lines.lean.take(row) - usual, -MOST_LEAN, MOST_LEAN)
    own = np.where(alphabet.signs[classes], 0, own) * (1 - string["own_slant"][:, None])
    lean = string["slant"][:, None] + string["slant_jitter"][:, None] * hand.normal("slant")
    matrix = np.zeros((*row.shape, 2, 2))
    matrix[..., 0, 0], matrix[..., 0, 1] = across, across * own - lean * down
    matrix[..., 1, 1] = down
    return matrix


def _narrowed(shapes: Shapes) -> Shapes:
    """The glyphs, none wider than the cells in which it may be distorted."""
    if not (shapes.width > MOST_WIDTH).any():
        return shapes
    less = MOST_WIDTH / np.maximum(shapes.width, MOST_WIDTH)
    for values in (shapes.matrix[..., 0, :], shapes.offset[..., :1], *shapes.profiles):
        values *= less[..., None]
    for points in (shapes.strokes.start, shapes.strokes.end):
        points[:, 0] *= less[shapes.strokes.at]
    return replace(shapes, width=np.minimum(shapes.width, MOST_WIDTH))
