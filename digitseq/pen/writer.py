"""Writes strings with a pen: from classes of characters to their columns of ink."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from digitseq.composer import GlyphSpans, Line
from digitseq.glyphs.centre_lines import opencv
from digitseq.glyphs.pen_bank import PenBank
from digitseq.pen.frame import Frame, Space, frame_of
from digitseq.pen.hand import Numbers, draw_hand, ends_of
from digitseq.pen.joining import added_strokes
from digitseq.pen.line_layout import lay_out
from digitseq.pen.marks import SignMarks, draw_marks, draw_rules, placed_signs
from digitseq.pen.pen_alphabet import PenAlphabet
from digitseq.pen.pens import Pens, Written
from digitseq.pen.shapes import shape_glyphs
from digitseq.pen.style import PenStyle
from digitseq.random_streams import Rows

CHARACTER, BESIDE = 1.2, 3.0  # digit heights: a string of n characters is at most so wide for each, and beside them
# More for each character where a style goes beyond the default: digit heights for each unit of these parameters
WIDENING = (("gap", 1.0), ("gap_jitter", 1.0), ("aspect", 0.75), ("slant", 2.0))
LEAST_SIZE = 0.5  # a width in which strings would usually be smaller than this share of their size is refused
USUAL_GAP = 0.2  # digit heights between the centre lines of neighbours


class Writer:
    """Writes with the pen of `style` and the glyphs of `bank`.

    marks: share of strings with marks; width: of the images, in pixels, 0 for as wide as needed
    """

    def __init__(self, style: PenStyle, marks: float, bank: PenBank, width: int) -> None:
        opencv()  # where it is missing, say so before anything is written
        self.style, self.bank, self._marks, self._width = style, bank, marks, width
        self.alphabet = PenAlphabet(bank.base, bank.strokes, bank.letter_layout)
        self._character = CHARACTER + sum(share * _beyond_usual(style, name) for name, share in WIDENING)
        self._margins = 2 * ends_of(style, "margin")[1]

    def widest(self, n: int, gaps: bool = True) -> int:
        """Upper bound of the width of an image of `n` characters, in pixels."""
        return self._width or math.ceil((self._character * n + BESIDE + self._margins) * self.bank.digit)

    def least_width(self, n: int) -> int:
        """The smallest `image_width` in which `n` characters are usually at least half as large as they could be."""
        return math.ceil((self.alphabet.mean_width * n + USUAL_GAP * (n - 1)) * self.bank.digit * LEAST_SIZE)

    def write(
        self, rows: Rows, codes: NDArray[np.uint32], classes: NDArray[np.int64], gaps: bool = True, shapes: bool = False
    ) -> Line:
        """The strings of `rows` in ink. codes: (B, n), 0 after the end; classes: int64 (B, n), -1 for none.

        gaps, shapes: as for `PlainLines`; a pen leaves no specks, and needs not be told of gaps
        """
        n = classes.shape[1]
        hand, there = draw_hand(self.style, rows, n), classes >= 0
        written = shape_glyphs(hand, self.alphabet, classes, rows.uniforms("glyph", n))
        signed = self.alphabet.signs[np.maximum(classes, 0)] & there
        marks = draw_marks(rows, self._marks, there, np.any(signed, axis=1)) if self._marks else None
        extra = np.zeros(classes.shape) if marks is None else marks.extra
        placed = lay_out(hand, written, ~there & (codes > 0), extra)
        signs = None if marks is None else placed_signs(marks, written, placed)
        bank = self.bank
        space = Space(bank.height, self._width, bank.digit, self.widest(n))
        frame = frame_of(hand, written, placed, _reach(signs, len(rows)), space)
        pens = Pens(hand, frame, bank.strokes, bank.height)
        inked = [
            Written.nothing(bank.height),  # a string may be all gaps
            *pens.glyphs(written, placed, bank.base, self.alphabet),
            *pens.strokes(added_strokes(hand, written, placed, ~signed), n),
            *(pens.signs(signs, n) if signs is not None else ()),
        ]
        ruled = None if marks is None else partial(draw_rules, marks=marks, frame=frame, string_width=placed.width)
        return _line(inked, n, frame, ruled)


def _beyond_usual(style: PenStyle, name: str) -> float:
    """By how much more a parameter can be than with the default style, whatever its sign."""
    most, usual = (max(map(abs, ends_of(a_style, name))) for a_style in (style, PenStyle()))
    return max(most - usual, 0.0)


def _reach(signs: SignMarks | None, count: int) -> tuple[Numbers, Numbers]:
    """How far signs reach left of each string, and right of its beginning."""
    left, right = np.zeros(count), np.zeros(count)
    if signs is not None:
        np.maximum.at(left, signs.text, -signs.x)
        np.maximum.at(right, signs.text, signs.x + 0.5)
    return left, right


def _line(written: list[Written], n: int, frame: Frame, ruled: Callable[[NDArray[np.uint8]], None] | None) -> Line:
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
