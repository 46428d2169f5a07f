"""Writes strings with a pen: from classes of characters to their columns of ink."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.composer import GlyphSpans, Line
from digitseq.glyphs.bank import GlyphBank
from digitseq.glyphs.pen_bank import PenBank
from digitseq.glyphs.scaling import BOX, GlyphColumns
from digitseq.glyphs.stroke_bank import STROKE, STROKE_LENGTH, VARIANTS, StrokeBank, cells_of
from digitseq.glyphs.stroke_fields import SAMPLES, UNIT
from digitseq.pen.frame import EDGE, Frame, Space, frame_of
from digitseq.pen.hand import Hand, Numbers, between, draw_hand, most_of
from digitseq.pen.inking import FULL, Pieces, ink_pieces
from digitseq.pen.line_layout import Placed, lay_out
from digitseq.pen.marks import SignMarks, draw_marks, draw_rules, placed_signs
from digitseq.pen.pen_alphabet import PenAlphabet
from digitseq.pen.shapes import HIGHEST, LEVELS, LOWEST, Shapes, Strokes, shape_glyphs
from digitseq.pen.style import PenStyle
from digitseq.random_streams import Rows
from digitseq.sources.base import Codes

CHARACTER, BESIDE = 1.2, 3.0  # digit heights: a string of n characters is at most so wide for each, and beside them
LEAST_SIZE = 0.5  # a width in which strings would usually be smaller than this share of their size is refused
GRAY_REACH = 4.0  # pixels of a glyph that its ink reaches beyond the centre line at most
USUAL_GAP = 0.2  # digit heights between the centre lines of neighbours
GRAY_PEN = 0.13  # width, in digit heights, of the strokes that are added to glyphs that keep their own
JOINED_FROM, JOINED_TO = -0.15, 0.65  # digit heights from an end to the next beginning that a stroke joins


@dataclass(frozen=True)
class _Written:
    """What is inked: M pieces with a slot each, 0 … n-1 for characters and more for what is added."""

    text: NDArray[np.int64]
    slot: NDArray[np.int64]
    columns: GlyphColumns
    left: NDArray[np.int64]


class Writer:
    """Writes with the pen of `style` and the glyphs of `bank`.

    marks: share of strings with marks; width: of the images, in pixels, 0 for as wide as needed
    """

    def __init__(self, style: PenStyle, marks: float, bank: PenBank, width: int) -> None:
        self.style, self.bank, self._marks, self._width = style, bank, marks, width
        self.alphabet = PenAlphabet(bank.base, bank.strokes)
        self._margins = 2 * most_of(style, "margin")

    def widest(self, n: int, gaps: bool = True) -> int:
        """Upper bound of the width of an image of `n` characters, in pixels."""
        return self._width or math.ceil((CHARACTER * n + BESIDE + self._margins) * self.bank.digit)

    def least_width(self, n: int) -> int:
        """The smallest `image_width` in which `n` characters are usually at least half as large as they could be."""
        return math.ceil((self.alphabet.mean_width * n + USUAL_GAP * (n - 1)) * self.bank.digit * LEAST_SIZE)

    def write(
        self, rows: Rows, codes: Codes, classes: NDArray[np.int64], gaps: bool = True, shapes: bool = False
    ) -> Line:
        """The strings of `rows` in ink. codes: (B, n), 0 after the end; classes: int64 (B, n), -1 for none."""
        n = classes.shape[1]
        hand, there = draw_hand(self.style, rows, n), classes >= 0
        gray = hand.happens("gray")
        hand.string["width"] = np.where(gray, GRAY_PEN, hand.string["width"])
        written = shape_glyphs(hand, self.alphabet, classes, rows.uniforms("glyph", n))
        marks = draw_marks(rows, self._marks, there) if self._marks else None
        extra = np.zeros(classes.shape) if marks is None else marks.extra
        placed = lay_out(hand, written, ~there & (codes > 0), extra)
        signs = None if marks is None else placed_signs(marks, written, placed, hand.string["slope"])
        bank = self.bank
        space = Space(bank.height, self._width, bank.digit, self.widest(n))
        frame = frame_of(hand, written, placed, _reach(signs, len(rows)), space)
        pens = _Pens(hand, frame, bank.strokes, bank.height)
        inked = [
            *pens.glyphs(written, placed, gray, bank.base, self.alphabet),
            *pens.strokes(_joined(hand, written, placed, ~self.alphabet.signs[np.maximum(classes, 0)]), n),
            *(pens.signs(signs, n) if signs is not None else ()),
        ]
        ruled = None if marks is None else partial(draw_rules, marks=marks, frame=frame, string_width=placed.width)
        return _line(inked, n, frame, ruled)


def _reach(signs: SignMarks | None, count: int) -> tuple[Numbers, Numbers]:
    """How far signs reach left of each string, and right of its beginning."""
    left, right = np.zeros(count), np.zeros(count)
    if signs is not None:
        np.maximum.at(left, signs.text, -signs.x)
        np.maximum.at(right, signs.text, signs.x + 0.5)
    return left, right


def _joined(hand: Hand, shapes: Shapes, placed: Placed, letters: NDArray[np.bool_]) -> Strokes:
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


def _line(written: list[_Written], n: int, frame: Frame, ruled: Callable[[NDArray[np.uint8]], None] | None) -> Line:
    """All pieces as spans: those that are added to a string are numbered from `n` on, in the order given."""
    text, slot, left = (np.concatenate([getattr(w, name) for w in written]) for name in ("text", "slot", "left"))
    offsets = np.cumsum([0, *(len(w.columns.columns) for w in written)])
    columns = np.concatenate([w.columns.columns for w in written])
    spans = np.concatenate(
        [np.array([w.columns.start + offset, *w.columns[2:]]) for w, offset in zip(written, offsets)], axis=1
    )
    added = np.flatnonzero(slot >= n)
    order = added[np.argsort(text[added], kind="stable")]
    first = np.searchsorted(text[order], text[order])
    number = np.arange(len(order)) - first
    count, most = len(frame.size), int(number.max(initial=-1)) + 1
    owner = np.full((count, most), -1)
    owner[text[order], number] = slot[order] - n - 1
    slot[order] = n + number
    dense = np.zeros((5, count, n + most), np.int64)
    dense[:, text, slot] = *spans, left
    return Line(GlyphSpans(columns, *dense[:4]), dense[4], frame.width, owner, ruled)


Span = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class _Pens:
    """The pens of B strings, and where these are. All inks pieces in images of `height` pixels."""

    hand: Hand
    frame: Frame
    bank: StrokeBank
    height: int

    def glyphs(
        self, shapes: Shapes, placed: Placed, gray: NDArray[np.bool_], glyphs: GlyphBank, alphabet: PenAlphabet
    ) -> Iterator[_Written]:
        """The characters, those of strings that are `gray` (B,) with the strokes that their glyphs have."""
        signs = shapes.row >= len(self.bank.start)
        for kept in (False, True):
            at = np.nonzero(shapes.there & ((gray[:, None] & ~signs) == kept))
            if not len(at[0]):
                continue
            text, row, size = at[0], shapes.row[at], self.frame.size[at[0]]
            matrix = shapes.matrix[at] * size[:, None, None]
            corner = np.stack([placed.x[at], placed.y[at]], axis=1)
            origin = self._pixels(text, corner + shapes.offset[at])
            pen = self.hand.string["width"][text] * size / 2
            beside = np.maximum(pen, GRAY_REACH * shapes.scale[at] * size) if kept else pen
            left = self._pixels(text, corner)[:, 0]
            span = self._span(text, left - beside, left + shapes.width[at] * size + beside)
            if kept:
                some = alphabet.glyph_of(row)
                fields = FULL - cells_of(glyphs, some, self.bank.side)
                full, steep, most = self._gray(text)
                pieces = _pieces(np.arange(len(row)), matrix, origin, span, self.bank.side, 1, full, steep, most)
            else:
                fields = self.bank.lines.field
                full, steep, most = self._ink(text, pen, shapes.scale[at] * size, at, span[1])
                pieces = _pieces(row, matrix, origin, span, self.bank.side, SAMPLES, full, steep, most)
            yield _Written(text, at[1], *ink_pieces(fields, pieces, self.height))

    def strokes(self, strokes: Strokes, n: int) -> Iterator[_Written]:
        """Strokes that belong to characters."""
        if not len(strokes.text):
            return
        text = strokes.text
        start, end = (self._pixels(text, point) for point in (strokes.start, strokes.end))
        size = self.frame.size[text]
        along = end - start
        length = np.maximum(np.hypot(*along.T), 0.02 * size)
        turn = along / length[:, None]
        stretch, scale = length / STROKE_LENGTH, size / BOX
        matrix = np.empty((len(text), 2, 2))
        matrix[:, :, 0] = turn * stretch[:, None]
        matrix[:, 0, 1], matrix[:, 1, 1] = -turn[:, 1] * scale, turn[:, 0] * scale
        pen = self.hand.string["width"][text] * size / 2
        ends = np.stack([start[:, 0], end[:, 0]])
        beside = pen + 2 * scale  # a stroke is bent
        span = self._span(text, ends.min(axis=0) - beside, ends.max(axis=0) + beside)
        row = self.bank.sign_row(STROKE) + (strokes.bend * VARIANTS).astype(np.int64)
        yield self._piece(text, n + 1 + strokes.place, row, matrix, (start + end) / 2, span, pen, scale)

    def signs(self, signs: SignMarks, n: int) -> Iterator[_Written]:
        """Signs that no label has."""
        if not len(signs.text):
            return
        text, size, lines = signs.text, self.frame.size[signs.text], self.bank.lines
        first = np.array([self.bank.sign_row(sign) for sign in signs.sign])
        row = first + (signs.variant * VARIANTS).astype(np.int64)
        scale, left = size / BOX, lines.left[row].min(axis=1).astype(np.float64)
        origin = self._pixels(text, np.stack([signs.x, signs.y], axis=1))
        wide = (lines.right[row].max(axis=1) - left) * scale
        pen = self.hand.string["width"][text] * size / 2
        span = self._span(text, origin[:, 0] - pen, origin[:, 0] + wide + pen)
        origin -= np.stack([left, self.bank.base[row]], axis=1) * scale[:, None]
        matrix = np.eye(2) * scale[:, None, None]
        yield self._piece(text, np.full(len(text), n), row, matrix, origin, span, pen, scale)

    def _piece(
        self, text: NDArray[np.int64], slot: NDArray[np.int64], row: NDArray[np.int64], matrix: Numbers, origin: Numbers,
        span: Span, pen: Numbers, scale: Numbers,
    ) -> _Written:  # fmt: skip
        full, steep, most = self._ink(text, pen, scale)
        pieces = _pieces(row, matrix, origin, span, self.bank.side, SAMPLES, full, steep, most)
        return _Written(text, slot, *ink_pieces(self.bank.lines.field, pieces, self.height))

    def _pixels(self, text: NDArray[np.int64], place: Numbers) -> Numbers:
        """float64 (M, 2): where places of strings, in digit heights, are in their images."""
        frame = self.frame
        corner = np.stack([frame.x[text], frame.y[text]], axis=1)
        found: Numbers = corner + place * frame.size[text, None]
        return found

    def _span(self, text: NDArray[np.int64], left: Numbers, right: Numbers) -> Span:
        """The columns from `left` to `right` with soft edges, inside the image: first column and width, (M,) each."""
        wide = self.frame.width[text]
        first = np.clip(np.floor(left - EDGE).astype(np.int64), 0, wide - 1)
        return first, np.clip(np.ceil(right + EDGE).astype(np.int64), first + 1, wide) - first

    def _ink(
        self, text: NDArray[np.int64], pen: Numbers, scale: Numbers, at: Any = None, width: Any = None
    ) -> tuple[Numbers, Numbers, Numbers]:
        """`full`, `steep` and `most` of pieces. pen: half its width, scale: of a pixel of the field, both in pixels."""
        most = FULL * self.hand.string["darkness"][text]
        full = np.zeros((len(text), 3))
        full[:, 0] = most * (pen + 0.5)
        if at is not None:
            # the pressure of the hand grows or falls across a glyph
            rough, size, u = self.hand.string["roughness"][text], self.frame.size[text], self.hand.glyphs
            whole = most * pen * rough
            for k, (name, middle) in enumerate((("across", width / 2), ("down", self.height / 2)), 1):
                grows = whole * between(u[f"pressure_{name}"][at], -1.2, 1.2) / size
                full[:, k] = grows * self.height
                full[:, 0] -= grows * middle
            full[:, 0] += whole * between(u["pressure"][at], -0.7, 0.7)
        return full, most * scale / UNIT, most

    def _gray(self, text: NDArray[np.int64]) -> tuple[Numbers, Numbers, Numbers]:
        most = FULL * self.hand.string["darkness"][text]
        level = between(self.hand.strings["gray_level"][text], 0.35, 0.75)
        steep = between(self.hand.strings["gray_slope"][text], 2, 5)
        full = np.zeros((len(text), 3))
        full[:, 0] = most * ((1 - level) * steep + 0.5)
        return full, most * steep / FULL, most


def _pieces(
    row: NDArray[np.int64], matrix: Numbers, origin: Numbers, span: Span,
    side: int, samples: int, full: Numbers, steep: Numbers, most: Numbers,
) -> Pieces:  # fmt: skip
    """Pieces whose fields, `side` pixels with `samples` each, come to the image by `matrix` (M, 2, 2), their middle to
    `origin` (M, 2)."""
    (a, b), (c, d) = matrix.transpose(1, 2, 0)
    back = np.array([[d, -b], [-c, a]]).transpose(2, 0, 1) / (a * d - b * c)[:, None, None]
    corner = -origin
    corner[:, 0] += span[0]
    place = np.empty((len(row), 2, 3))
    place[:, :, :2] = back * samples
    place[:, :, 2] = (np.einsum("mij,mj->mi", back, corner) + side / 2) * samples - 0.5
    return Pieces(row, *span, place, full, steep, most)
