"""What a pen needs to know of each class of a bank: its glyphs that have a line, and how high a hand makes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from digitseq.glyphs.bank import GlyphBank
from digitseq.glyphs.letter_layout import SHAPES, TALL, Shape
from digitseq.glyphs.scaling import BOX
from digitseq.glyphs.stroke_bank import VARIANTS, StrokeBank

# Hands do not make all digits equally high. Letters have the heights of their shapes, see `letter_layout`.
DIGIT_HEIGHTS = {"0": 0.9, "2": 0.97, "4": 1.07, "6": 1.03, "7": 1.03, "9": 1.02}
LEAST_HEIGHT = 4.0  # pixels: a line that is lower, such as that of a dash, is not stretched to the height of a digit


class PenAlphabet:
    """The lines of each class of `bank`, and their usual shape. Arrays are indexed by class or by row of `strokes`.

    letter_layout: small letters are smaller than capitals
    rise, drop: float64 (C,), how far a character reaches above and below the base line, in digit heights
    signs: bool (C,), drawn signs, which have the size and place that they are drawn with
    usual_lean: float64 (C,), the median lean of the class's glyphs; counts: int64 (C,), how many lines each class has
    mean_width: of a character, in digit heights
    """

    def __init__(self, bank: GlyphBank, strokes: StrokeBank, letter_layout: bool = True) -> None:
        self.strokes, self.characters = strokes, bank.characters
        first_sign = len(bank.characters) - bank.signs
        self.signs = np.arange(len(bank.characters)) >= first_sign
        shapes = [_shape(character, letter_layout) for character in bank.characters]
        self.rise, self.drop = (np.array([shape[k] for shape in shapes]) for k in range(2))
        rows = strokes.rows_of(bank)
        self._glyph_of_row = np.zeros(len(strokes.start), np.int64)
        self._glyph_of_row[rows[rows >= 0]] = np.flatnonzero(rows >= 0)
        lists = [_usable(rows[slice(*bank.class_start[c : c + 2])], strokes) for c in range(first_sign)]
        lists += [strokes.sign_row(sign) + np.arange(VARIANTS) for sign in bank.characters[first_sign:]]
        self._rows, self.counts = np.concatenate(lists), np.array([len(some) for some in lists])
        self._first = np.cumsum(self.counts) - self.counts
        leans = [strokes.lines.lean[some] for some in lists]
        self.usual_lean = np.array([float(np.median(lean)) if len(lean) else 0.0 for lean in leans])
        self.usual_lean[self.signs] = 0
        self.mean_width = self._mean_width()

    def glyph_of(self, row: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 (M,): the glyphs of the bank with the lines at these rows."""
        return self._glyph_of_row.take(row)

    def choose(self, classes: NDArray[np.int64], draws: NDArray[np.float64]) -> NDArray[np.int64]:
        """int64, the shape of both: a row of `strokes` for each class. draws: in [0, 1)."""
        number = (draws * self.counts.take(classes)).astype(np.int64)
        row: NDArray[np.int64] = self._rows.take(self._first.take(classes) + number)
        return row

    def _mean_width(self) -> float:
        lines, rows = self.strokes.lines, self._rows[: self.counts[~self.signs].sum()]
        wide = lines.right[rows].max(axis=1) - lines.left[rows].min(axis=1)
        return float(wide.mean()) / BOX if len(rows) else 0.5


def _shape(character: str, letter_layout: bool) -> Shape:
    if character in DIGIT_HEIGHTS:
        return Shape(DIGIT_HEIGHTS[character])
    return SHAPES.get(character, TALL) if letter_layout else TALL


def _usable(rows: NDArray[np.int64], strokes: StrokeBank) -> NDArray[np.int64]:
    """Of a class's rows, -1 for none, those with an intact line; all, if no line is intact."""
    rows = rows[rows >= 0]
    kept = rows[strokes.intact[rows]]
    return kept if len(kept) else rows
