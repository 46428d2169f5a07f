"""The pens of strings: what is written as pieces of ink in images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.glyphs.bank import GlyphBank
from digitseq.glyphs.glyph_columns import GlyphColumns
from digitseq.glyphs.scaling import BOX
from digitseq.glyphs.stroke_bank import STROKE, STROKE_LENGTH, VARIANTS, StrokeBank, cells_of
from digitseq.glyphs.stroke_fields import SAMPLES, UNIT
from digitseq.pen.digit_forms import Strokes
from digitseq.pen.frame import EDGE, Frame
from digitseq.pen.hand import Hand, Numbers, between, drawn
from digitseq.pen.inking import FULL, Pieces, ink_pieces
from digitseq.pen.line_layout import Placed
from digitseq.pen.marks import SignMarks
from digitseq.pen.pen_alphabet import LEAST_HEIGHT, PenAlphabet
from digitseq.pen.shapes import Shapes

Indices = NDArray[np.int64]
Span = tuple[Indices, Indices]  # the first column of each piece, and its width
Ink = tuple[Numbers, Numbers, Numbers]  # `full`, `steep` and `most` of `Pieces`
THINNEST = 0.3  # pixels of the field, half the width of a pen: a thinner one is lost between samples in places
LEAST_GRAY = 9.0  # pixels of a digit: thin strokes of lower ones are lost between the pixels that are looked at
DOT_PEN = 0.4  # pixels of a glyph: half the pen of a dot or a dash is wider, as its line runs between samples
GRAY_REACH = 4.0  # pixels of a glyph that its ink reaches beyond the centre line at most


@dataclass(frozen=True)
class Written:
    """What is inked: M pieces with a slot each, 0 … n-1 for characters and more for what is added."""

    text: Indices
    slot: Indices
    columns: GlyphColumns
    left: Indices

    @classmethod
    def nothing(cls, height: int) -> Written:
        """No pieces, in images of `height` pixels."""
        none = np.zeros(0, np.int64)
        return cls(none, none, GlyphColumns(np.zeros((1, height), np.uint8), none, none, none, none), none)


@dataclass(frozen=True)
class Pens:
    """The pens of B strings, and where these are. All inks pieces in images of `height` pixels."""

    hand: Hand
    frame: Frame
    bank: StrokeBank
    height: int

    def glyphs(self, shapes: Shapes, placed: Placed, glyphs: GlyphBank, alphabet: PenAlphabet) -> Iterator[Written]:
        """The characters, those of gray strings with the strokes that their glyphs have."""
        signs = shapes.row >= len(self.bank.start)
        gray = self.hand.happens("gray") & (self.frame.size >= LEAST_GRAY)
        for kept in (False, True):
            at = np.nonzero(shapes.there & ((gray[:, None] & ~signs) == kept))
            if not len(at[0]):
                continue
            text, row, size = at[0], shapes.row[at], self.frame.size[at[0]]
            matrix = shapes.matrix[at] * size[:, None, None]
            corner = np.stack([placed.x[at], placed.y[at]], axis=1)
            origin = self._pixels(text, corner + shapes.offset[at])
            pen = self._glyph_pen(text, row, shapes.scale[at] * size)
            beside = np.maximum(pen, GRAY_REACH * shapes.scale[at] * size) if kept else pen
            left = self._pixels(text, corner)[:, 0]
            span = self._span(text, left - beside, left + shapes.width[at] * size + beside)
            if kept:
                fields = FULL - cells_of(glyphs, alphabet.glyph_of(row), self.bank.side)
                row, samples, ink = np.arange(len(row)), 1, self._gray(text)
            else:
                fields, samples = self.bank.lines.field, SAMPLES
                ink = self._ink(text, pen, shapes.scale[at] * size, at, span[1])
            pieces = _pieces(row, matrix, origin, span, self.bank.side, samples, ink)
            yield Written(text, at[1], *ink_pieces(fields, pieces, self.height))

    def _glyph_pen(self, text: Indices, row: Indices, scale: Numbers) -> Numbers:
        """float64 (M,): half the width of the pen that writes glyphs, in pixels of images."""
        pen: Numbers = self.hand.string["width"][text] * self.frame.size[text] / 2
        lines = self.bank.lines
        flat = (row < len(self.bank.start)) & (lines.bottom[row] - lines.top[row] < LEAST_HEIGHT)
        return np.where(flat, np.maximum(pen, DOT_PEN * scale), pen)

    def strokes(self, strokes: Strokes, n: int) -> Iterator[Written]:
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

    def signs(self, signs: SignMarks, n: int) -> Iterator[Written]:
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
        self, text: Indices, slot: Indices, row: Indices, matrix: Numbers, origin: Numbers, span: Span, pen: Numbers,
        scale: Numbers,
    ) -> Written:  # fmt: skip
        pieces = _pieces(row, matrix, origin, span, self.bank.side, SAMPLES, self._ink(text, pen, scale))
        return Written(text, slot, *ink_pieces(self.bank.lines.field, pieces, self.height))

    def _pixels(self, text: Indices, place: Numbers) -> Numbers:
        """float64 (M, 2): where places of strings, in digit heights, are in their images."""
        frame = self.frame
        corner = np.stack([frame.x[text], frame.y[text]], axis=1)
        return corner + place * frame.size[text, None]

    def _span(self, text: Indices, left: Numbers, right: Numbers) -> Span:
        """The columns from `left` to `right` with soft edges, inside the image: first column and width, (M,) each."""
        wide = self.frame.width[text]
        first = np.clip(np.floor(left - EDGE).astype(np.int64), 0, wide - 1)
        return first, np.clip(np.ceil(right + EDGE).astype(np.int64), first + 1, wide) - first

    def _ink(self, text: Indices, pen: Numbers, scale: Numbers, at: Any = None, width: Any = None) -> Ink:
        """The ink of pieces. pen: half its width, scale: of a pixel of the field, both in pixels."""
        most = FULL * self.hand.string["darkness"][text]
        pen = np.maximum(pen, THINNEST * scale)
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

    def _gray(self, text: Indices) -> Ink:
        most = FULL * self.hand.string["darkness"][text]
        level = drawn(self.hand.style, "gray_level", self.hand.strings["gray_level"][text])
        steep = between(self.hand.strings["gray_slope"][text], 2, 5)
        full = np.zeros((len(text), 3))
        full[:, 0] = most * ((1 - level) * steep + 0.5)
        return full, most * steep / FULL, most


def _pieces(row: Indices, matrix: Numbers, origin: Numbers, span: Span, side: int, samples: int, ink: Ink) -> Pieces:
    """Pieces whose fields, `side` pixels with `samples` each, come to the image by `matrix` (M, 2, 2), their middle to
    `origin` (M, 2)."""
    (a, b), (c, d) = matrix.transpose(1, 2, 0)
    back = np.array([[d, -b], [-c, a]]).transpose(2, 0, 1) / (a * d - b * c)[:, None, None]
    corner = -origin
    corner[:, 0] += span[0]
    place = np.empty((len(row), 2, 3))
    place[:, :, :2] = back * samples
    place[:, :, 2] = (np.einsum("mij,mj->mi", back, corner) + side / 2) * samples - 0.5
    return Pieces(row, *span, place, *ink)
