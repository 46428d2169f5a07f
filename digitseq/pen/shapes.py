"""The shapes of the glyphs of strings as a hand writes them: size, lean and additional strokes of each.

Lengths are in digit heights. x counts from a glyph's own left edge, y from the base line, downwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitseq.glyphs.pen_bank import WIDEST
from digitseq.glyphs.scaling import BOX
from digitseq.glyphs.stroke_fields import FAR, ROWS
from digitseq.pen.hand import Hand, Numbers, between
from digitseq.pen.pen_alphabet import LEAST_HEIGHT, PenAlphabet

# Profiles count the rows of all glyphs from the same height on, so that neighbours can be compared row by row.
HIGHEST, LOWEST, LEVELS = -1.5, 0.375, 15
MOST_LEAN = 0.6  # a glyph that leans further is straightened by this much only
MOST_WIDTH = WIDEST - 0.5  # of the centre line of a glyph
RECALLED = 8  # characters that are looked back for one that is the same
ALONG = np.linspace(0, 1, 6)  # places on a stroke that widen the profile of its glyph


@dataclass(frozen=True)
class Strokes:
    """Straight strokes that are added to glyphs.

    text, place: int64 (S,), the string and the glyph in it; start, end: float64 (S, 2), x and y; bend: float64 (S,),
    in [0, 1), which variant of a stroke it is
    """

    text: NDArray[np.int64]
    place: NDArray[np.int64]
    start: Numbers
    end: Numbers
    bend: Numbers


@dataclass(frozen=True)
class Shapes:
    """The glyphs of B strings of up to n.

    row: int64 (B, n), of the stroke bank; there: bool (B, n)
    matrix: float64 (B, n, 2, 2), offset: float64 (B, n, 2): where a pixel of the field, from its middle, comes to
    scale: float64 (B, n), digit heights of a pixel of the field
    left, right: float64 (B, n, LEVELS), profiles; `FAR` and -`FAR` where a glyph has no ink
    width, top, bottom: float64 (B, n), of the box of the centre line
    """

    row: NDArray[np.int64]
    there: NDArray[np.bool_]
    matrix: Numbers
    offset: Numbers
    scale: Numbers
    left: Numbers
    right: Numbers
    width: Numbers
    top: Numbers
    bottom: Numbers
    strokes: Strokes


def shape_glyphs(hand: Hand, alphabet: PenAlphabet, classes: NDArray[np.int64], draws: Numbers) -> Shapes:
    """The glyphs of `classes` (B, n), -1 for none, as `hand` writes them. draws: (B, n) in [0, 1), for their choice."""
    there, known = classes >= 0, np.maximum(classes, 0)
    row = _alike(hand, known, there, alphabet.choose(known, draws))
    lines, string, signs = alphabet.strokes.lines, hand.string, alphabet.signs[known]
    top, bottom = (edge.take(row).astype(np.float64) for edge in (lines.top, lines.bottom))
    tall = np.maximum(bottom - top, LEAST_HEIGHT)
    size = np.exp(string["size_jitter"][:, None] * hand.normal("size"))
    rise, drop = alphabet.rise[known], alphabet.drop[known]
    down = size * np.where(signs, 1 / BOX, (rise + drop) / tall)  # digit heights of a pixel
    base = np.where(signs, alphabet.strokes.base.take(row), bottom - drop * size / down)
    # a glyph that is wide and low stays a little wide
    across = down * np.where(signs, 1, np.clip(tall / BOX, 0.75, 1) ** 0.5)
    across *= string["aspect"][:, None] * np.exp(0.08 * hand.normal("stretch"))
    own = np.where(signs, 0, np.clip(lines.lean.take(row) - alphabet.usual_lean[known], -MOST_LEAN, MOST_LEAN))
    own *= 1 - string["own_slant"][:, None]
    lean = string["slant"][:, None] + string["slant_jitter"][:, None] * hand.normal("slant")
    matrix = np.zeros((*row.shape, 2, 2))
    matrix[..., 0, 0], matrix[..., 0, 1] = across, across * own - lean * down
    matrix[..., 1, 1] = down
    levels = top[..., None] + (np.arange(ROWS) + 0.5) / ROWS * (bottom - top)[..., None] - base[..., None]
    leaning = matrix[..., 0, 1, None] * levels
    left, right = (across[..., None] * side.take(row, axis=0) + leaning for side in (lines.left, lines.right))
    ends = (top - base) * down, (bottom - base) * down
    left, right = _levelled(left, right, *ends)
    strokes = _added_strokes(hand, alphabet.characters, classes, left, right, *ends)
    _widen(left, right, strokes)
    edge = left.min(axis=2)
    shifted = np.where(there, edge, 0)
    left -= shifted[..., None]
    right -= shifted[..., None]
    moved = shifted[strokes.text, strokes.place]
    strokes.start[:, 0] -= moved
    strokes.end[:, 0] -= moved
    width = np.where(there, right.max(axis=2), 0)
    offset = np.stack([-shifted - matrix[..., 0, 1] * base, -base * down], axis=-1)
    scale = np.sqrt(across * down)
    if (wide := width > MOST_WIDTH).any():
        # no glyph is wider than the cells in which it may be distorted
        less = np.where(wide, MOST_WIDTH / np.maximum(width, MOST_WIDTH), 1)
        for values in (matrix[..., 0, :], offset[..., :1], left, right):
            values *= less[..., None]
        for points in (strokes.start, strokes.end):
            points[:, 0] *= less[strokes.text, strokes.place]
        width = np.minimum(width, MOST_WIDTH)
    return Shapes(row, there, _turned(matrix, hand), offset, scale, left, right, width, *ends, strokes)


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


def _levelled(left: Numbers, right: Numbers, top: Numbers, bottom: Numbers) -> tuple[Numbers, Numbers]:
    """Profiles of equal parts of each glyph's height as profiles of the same heights for all."""
    height = HIGHEST + (np.arange(LEVELS) + 0.5) * ((LOWEST - HIGHEST) / LEVELS)
    part = (height - top[..., None]) / np.maximum(bottom - top, 1e-3)[..., None]
    at = np.floor(part * ROWS).astype(np.int64)
    # a glyph between the middles of two levels, such as a dash, is at the nearer one
    step = (LOWEST - HIGHEST) / LEVELS / 2
    inked = (height >= top[..., None] - step) & (height <= bottom[..., None] + step)
    at = at.clip(0, ROWS - 1)
    found = []
    for profile, empty in ((left, FAR), (right, -FAR)):
        found.append(np.where(inked, np.take_along_axis(profile, at, axis=2), empty))
    return found[0], found[1]


def _turned(matrix: Numbers, hand: Hand) -> Numbers:
    """The matrices with the turn of each glyph; to lean is to turn, too: only rows are turned."""
    from digitseq.pen.hand import drawn

    climb = np.tan(np.radians(drawn(hand.style, "turn", hand.glyphs["turn"])))
    turned = matrix.copy()
    turned[..., 1, 0] -= climb * matrix[..., 0, 0]
    return turned


def _added_strokes(
    hand: Hand,
    characters: str,
    classes: NDArray[np.int64],
    left: Numbers,
    right: Numbers,
    top: Numbers,
    bottom: Numbers,
) -> Strokes:
    """The up-stroke and the foot of a 1, and the bar of a 7, in strings in which they are written."""
    ones, sevens = (classes == characters.find(digit) if digit in characters else np.zeros(classes.shape, bool)
                    for digit in "17")  # fmt: skip
    usually = hand.glyphs["stroke"] < 0.93
    parts = [
        _flags(hand, np.nonzero(ones & usually & hand.happens("flag")[:, None]), left, right, top),
        _feet(hand, np.nonzero(ones & hand.happens("foot")[:, None]), left, right, bottom),
        _bars(hand, np.nonzero(sevens & usually & hand.happens("bar")[:, None]), left, right),
    ]
    return Strokes(*(np.concatenate(arrays) for arrays in zip(*parts)))


Part = tuple[NDArray[np.int64], NDArray[np.int64], Numbers, Numbers, Numbers]


def _flags(hand: Hand, at: tuple[NDArray[np.int64], ...], left: Numbers, right: Numbers, top: Numbers) -> Part:
    """From the top of a 1 down to the left."""
    (text, place), u = at, hand.glyphs
    y = top[at]
    x = _middle(left, right, at, _level(y))
    length = between(u["stroke_length"][at], 0.25, 0.8) * between(hand.strings["flag_length"][text], 0.4, 1)
    angle = between(hand.strings["flag_angle"][text], 0.3, 0.85) + between(u["stroke_angle"][at], -0.15, 0.15)
    end = np.stack([x - length * np.sin(angle), y + length * np.cos(angle)], axis=1)
    return text, place, np.stack([x, y], axis=1), end, u["stroke_bend"][at]


def _feet(hand: Hand, at: tuple[NDArray[np.int64], ...], left: Numbers, right: Numbers, bottom: Numbers) -> Part:
    (text, place), u = at, hand.glyphs
    y = bottom[at]
    x, half = _middle(left, right, at, _level(y)), between(u["foot"][at], 0.12, 0.3)
    tilt = between(u["stroke_angle"][at], -0.06, 0.06)
    return text, place, np.stack([x - half, y + tilt], axis=1), np.stack([x + half, y - tilt], axis=1), u["joined"][at]


def _bars(hand: Hand, at: tuple[NDArray[np.int64], ...], left: Numbers, right: Numbers) -> Part:
    (text, place), u = at, hand.glyphs
    y = between(u["stroke_place"][at], -0.62, -0.2)
    x, tilt = _middle(left, right, at, _level(y)), between(u["stroke_angle"][at], -0.14, 0.08)
    start = np.stack([x - between(u["foot"][at], 0.06, 0.3), y - tilt], axis=1)
    end = np.stack([x + between(u["stroke_length"][at], 0.15, 0.4), y + tilt], axis=1)
    return text, place, start, end, u["stroke_bend"][at]


def _level(y: Numbers) -> NDArray[np.int64]:
    level: NDArray[np.int64] = ((y - HIGHEST) * (LEVELS / (LOWEST - HIGHEST))).astype(np.int64)
    return level.clip(0, LEVELS - 1)


def _middle(left: Numbers, right: Numbers, at: tuple[NDArray[np.int64], ...], level: NDArray[np.int64]) -> Numbers:
    """The middle of each glyph's ink at a level; where it has none there, of its box."""
    low, high = left[(*at, level)], right[(*at, level)]
    none = low > high
    middle: Numbers = np.where(none, left[at].min(axis=1) + right[at].max(axis=1), low + high) / 2
    return middle


def _widen(left: Numbers, right: Numbers, strokes: Strokes) -> None:
    """Profiles, in place, that have the added strokes, too."""
    for along in ALONG:
        x, y = (strokes.start + along * (strokes.end - strokes.start)).T
        at = strokes.text, strokes.place, _level(y)
        np.minimum.at(left, at, x)
        np.maximum.at(right, at, x)
