"""Where letters stand: data sets of single letters scale all of them to one height, which a hand does not do.

Digits and capitals become as high as MNIST's digits and stand on the same line, which leaves room below it. Letters
such as a and o get about the height of an x, and those such as p and y hang below the line. Glyphs that are low within
their data set stay so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digitseq.glyphs.catalog import CAPITALS, DIGITS, SIDE
from digitseq.glyphs.strokes import DIGIT, TOP

# Shares of the height of a capital. An x has a half of it in copybooks with a middle line, and 0.7 in printed type
# (Arial 0.72, Times New Roman 0.68), which descends by 0.3.
X_HEIGHT, DESCENT = 0.62, 0.3
DOTTED = 0.86  # i and j with their dots, and t
SQUEEZED = 0.8  # at least this share is left of a letter that hangs down where the image ends just below the line
KEPT = 0.3  # exponent with which a glyph that is low for its data set stays so: 0 makes all of a class equally high
STEPS = 64  # sizes are whole numbers of this part of the original: few of them, and the same on every machine
# Of these letters the small form differs from the capital in size and place. EMNIST's merged data sets have one class
# for both (G. Cohen et al., "EMNIST: an extension of MNIST to handwritten letters", arXiv:1702.05373), and also for
# i, j, l and m, whose two forms are not alike: nobody knows which one a glyph has.
ALIKE = "ckopsuvwxyz"


class Shape(NamedTuple):
    """How far a letter reaches above and below the base line, in heights of a capital."""

    rise: float
    drop: float = 0


TALL = Shape(1)
SHAPES = {
    **dict.fromkeys(CAPITALS + "bdfhkl", TALL),
    **dict.fromkeys("acemnorsuvwxz", Shape(X_HEIGHT)),
    **dict.fromkeys("gpqy", Shape(X_HEIGHT, DESCENT)),
    **dict.fromkeys("it", Shape(DOTTED)),
    "j": Shape(DOTTED, DESCENT),
}


@dataclass(frozen=True)
class Line:
    """The rows of an image 28 pixels high between which digits and capitals stand: `base` is the base line."""

    top: int
    base: int

    @property
    def height(self) -> int:
        """Of a capital."""
        return self.base - self.top


USUAL_LINE = Line(round(TOP * SIDE), round((TOP + DIGIT) * SIDE))  # of MNIST's digits, and of drawn signs


class Places(NamedTuple):
    """Sizes and places of glyphs, float64 (N,) each.

    factor: new size over the old one; middle: the old row that comes to the middle of the image; contrast: what the
    ink of reduced glyphs is multiplied by
    """

    factor: NDArray[np.float64]
    middle: NDArray[np.float64]
    contrast: NDArray[np.float64]


class LetterLayout:
    """The places of the glyphs of a data set in images of `height` pixels.

    characters: of its classes, the last `signs` of them drawn signs; line: where its digits stand; usual: the factor of
    MNIST's digits
    """

    def __init__(self, characters: str, signs: int, line: Line, usual: float, height: int) -> None:
        shapes = [SHAPES.get(character, TALL) for character in characters]
        small, drop = np.array([shape != TALL for shape in shapes]), np.array([shape.drop for shape in shapes])
        signed = np.arange(len(shapes)) >= len(shapes) - signs
        lowest, end = USUAL_LINE.base + drop * USUAL_LINE.height, SIDE / 2 + height / usual / 2  # of the image, in rows
        # letters that hang down are made lower where they would stick out
        share = np.array([float(sum(shape)) for shape in shapes])
        share *= np.where(drop > 0, np.clip(1 - (lowest - end) / (share * USUAL_LINE.height), SQUEEZED, 1), 1)
        # by class and number of rows of ink, of which every glyph has one at least
        tall, self._part = np.arange(SIDE + 1).clip(1), np.ones((len(shapes), SIDE + 1))
        self._part[small] = share[small, None] * (line.height / tall) ** (1 - KEPT)
        self._part[~signed] *= USUAL_LINE.height / line.height
        self._part = np.rint(self._part * STEPS).clip(1, STEPS) / STEPS
        # capitals that would be higher than the image are made to fit it: small letters stay smaller than those
        self._factor = self._part * np.where(small, min(usual, height / USUAL_LINE.height), usual)[:, None]
        self._usual, self._small, self._foot = usual, small, np.minimum(lowest, end)
        # signs are drawn for the usual line
        self._letter = np.array([character in SHAPES for character in characters])
        self._base = np.where(signed, USUAL_LINE.base, line.base)

    def factors(self, label: NDArray[Any], tall: NDArray[Any]) -> NDArray[np.float64]:
        """The factors of glyphs (N,) with these classes and heights of ink, of 28."""
        factor: NDArray[np.float64] = self._factor[label, tall]
        return factor

    def places(self, label: NDArray[Any], top: NDArray[Any], bottom: NDArray[Any]) -> Places:
        """Places of glyphs (N,) with these classes and rows of ink, of 28."""
        part, below = self._part[label, bottom - top], bottom - self._base[label]
        # digits keep their distance to the line, as signs do
        stands = USUAL_LINE.base + part * np.where(self._letter[label], np.maximum(below, 0), below)
        stands = np.where(self._small[label], self._foot[label], stands)
        factor = self.factors(label, bottom - top)
        # strokes that become thinner would become fainter, too
        contrast = 1 / np.sqrt(part)
        return Places(factor, bottom - (stands - SIDE / 2) * self._usual / factor, contrast)


def line_of(characters: str, class_start: NDArray[np.int64], top: NDArray[Any], bottom: NDArray[Any]) -> Line | None:
    """Where the digits of a data set stand or, if there are none, its tall letters. None if it has no letters.

    characters, class_start: as in `GlyphBank`; top, bottom (N,): the rows of ink, of 28, of each glyph
    """
    if not SHAPES.keys() & set(characters):
        return None
    ends = {character: slice(*class_start[k : k + 2].tolist()) for k, character in enumerate(characters)}
    for some in (DIGITS, [character for character, shape in SHAPES.items() if shape == TALL]):
        found = [np.concatenate([edge[:0], *(edge[ends[c]] for c in some if c in ends)]) for edge in (top, bottom)]
        if len(found[0]):
            top_row, base = (round(float(np.median(edge))) for edge in found)
            return Line(top_row, max(base, top_row + 1))
    return USUAL_LINE


def other_cases(characters: str) -> dict[str, int]:
    """Letters that a data set with these classes has in their other case only, which looks alike; with its class."""
    missing = [case for letter in ALIKE for case in (letter, letter.upper()) if case not in characters]
    return {case: characters.index(case.swapcase()) for case in missing if case.swapcase() in characters}
