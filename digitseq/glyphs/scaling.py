"""Glyphs at another height: enlarged with sharp edges, or reduced by averaging areas.

A pixel of MNIST's is the mean of a piece of a black and white picture, so ink ends where values interpolated between
pixels pass half of full ink. They serve as the distance to the outline, as in C. Green, "Improved alpha-tested
magnification for vector textures and special effects", SIGGRAPH 2007: a ramp that is one pixel of the result wide turns
them into ink, smooth and sharp at any height. All sums are of whole numbers that float32 holds exactly, so that every
machine makes the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.glyphs.catalog import SIDE
from digitseq.glyphs.glyph_columns import GlyphColumns
from digitseq.glyphs.ink_extent import Numbers, drawn_columns
from digitseq.glyphs.letter_layout import Line, Places
from digitseq.glyphs.outline_field import FULL, outline_field

BOX = 20  # MNIST's digits are scaled to fit a square of this side, of the 28 pixels of an image
BESIDE = 1  # pixels of the original size on each side of a glyph that may get ink when it is enlarged
STEEPNESS = 0.66  # share of full ink by which interpolated values change over a pixel at a straight edge
WEIGHTS = 1 << 10  # what the weights of a mean of rows add up to
KEPT = 1 << 5  # means of rows are rounded to this part of a grey level
FINEST = 1 << 6  # glyphs are moved up and down by this part of a pixel
DARKENED = 1.125 * FULL  # what the means of rows of a glyph without an outline are stretched to
EXACT = 1 << 23  # float32 holds whole numbers up to twice this: rounded weights may add up to somewhat more
PIECE_PIXELS = 1 << 19  # what is worked on at a time stays in the processor's cache

Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Scaling:
    """From glyphs of images 28 pixels high to those of images `height` pixels high.

    glyph_height: height of MNIST's digits as a share of the image's; None: as in MNIST, 20/28. Other glyphs are scaled
    by the same factor, but glyphs that would be higher than the image are made to fit.
    line: of data sets whose letters are put on it, see `letter_layout`
    """

    height: int
    glyph_height: float | None = None
    line: Line | None = None

    @property
    def factor(self) -> float:
        """New size over the old one."""
        return self.height / SIDE if self.glyph_height is None else self.height * self.glyph_height / BOX


def scaled(glyphs: GlyphColumns, scaling: Scaling, places: Places | None = None) -> GlyphColumns:
    """The same glyphs (N,) in another size; what is made of one does not depend on the others.

    places: where they do not all have the size and the place that `scaling` gives
    Each has some ink, and all of its ink is inside the image. There may be other columns between those of the glyphs.
    """
    places = _inside(glyphs, places or _usual_places(glyphs, scaling), scaling.height)
    new_width = np.ceil((glyphs.width + 2 * BESIDE * (places.factor > 1)) * places.factor).astype(np.int64)
    pieces = [(some, int(new_width[some].max())) for some in _pieces(places, new_width, scaling.height)]
    return drawn_columns(
        pieces, scaling.height, lambda some, images: _draw(_cells(glyphs, some), _at(places, some), images)
    )[0]


def widest(width: NDArray[Any], scaling: Scaling) -> Numbers:
    """int64: upper bounds of the widths that glyphs of these widths get."""
    # ink ends half a pixel beyond the outline at most, and the outline anywhere within a pixel
    return np.ceil(width * scaling.factor).astype(np.int64) + 2


def _usual_places(glyphs: GlyphColumns, scaling: Scaling) -> Places:
    """The middle of the glyphs' images is the middle of the new ones."""
    values = scaling.factor, glyphs.columns.shape[1] / 2, 1
    return Places(*(np.full(len(glyphs.start), value, np.float64) for value in values))


def _inside(glyphs: GlyphColumns, places: Places, height: int) -> Places:
    """The places with glyphs that would stick out made smaller or moved."""
    factor = np.minimum(places.factor, height / (glyphs.bottom.astype(np.int64) - glyphs.top))
    half = height / factor / 2
    lowest, highest = (np.rint(edge * FINEST) / FINEST for edge in (glyphs.bottom - half, glyphs.top + half))
    middle = np.clip(np.rint(places.middle * FINEST) / FINEST, lowest, highest)
    return Places(factor, middle, places.contrast)


def _at(places: Places, some: Numbers) -> Places:
    return Places(*(values[some] for values in places))


def _runs(places: Places) -> list[tuple[slice, float, float, float]]:
    """Glyphs next to each other of one place."""
    changes = np.flatnonzero(np.any([values[1:] != values[:-1] for values in places], axis=0)) + 1
    edges = pairwise([0, *changes.tolist(), len(places.factor)])
    factor, middle, contrast = places
    return [(slice(k, end), float(factor[k]), float(middle[k]), float(contrast[k])) for k, end in edges]


def _pieces(places: Places, new_width: Numbers, height: int) -> Iterator[Numbers]:
    """Glyphs of nearly one new width, all enlarged or none; those with the same place are next to each other."""
    enlarged = places.factor > 1
    order = np.lexsort([new_width, enlarged])
    for alike in np.split(order, [len(order) - np.count_nonzero(enlarged)]):
        widest = int(new_width[alike].max(initial=1))
        size = max(PIECE_PIXELS // (widest * height), 1)
        for first in range(0, len(alike), size):
            some = alike[first : first + size]
            yield some[np.lexsort(_at(places, some))]


def _cells(glyphs: GlyphColumns, some: Numbers) -> NDArray[np.uint8]:
    """uint8 (N, w, h): the columns of some glyphs, and paper to the right of them."""
    width = glyphs.width[some][:, None]
    column = np.arange(width.max())
    cells = glyphs.columns.take(glyphs.start[some][:, None] + column, axis=0, mode="clip")
    cells[column >= width] = 0
    return cells


def _draw(cells: NDArray[np.uint8], places: Places, images: NDArray[np.uint8]) -> None:
    """Draw cells (N, w, h), all enlarged or none, into images (N, W, H)."""
    (count, wide, tall), (_, new_wide, height) = cells.shape, images.shape
    values = outline_field(cells) if places.factor[0] > 1 else cells.astype(np.float32)
    along = np.empty((count, 1 + wide, height), np.float32)
    along[:, 0] = 1
    means = along[:, 1:]
    for run, factor, middle, _ in _runs(places):
        np.matmul(values[run], _row_weights(tall, height, factor, middle), out=means[run])
    np.rint(along, out=along)
    images[...] = _ink(along, places, new_wide)
    # a dot of a single pixel, or ink that is faint all over, has no outline
    if (blank := np.flatnonzero(~images.any(axis=(1, 2)))).size:
        means = means[blank]
        along[blank, 1:] = np.rint(means * (np.float32(DARKENED * KEPT) / means.max(axis=(1, 2), keepdims=True)))
        images[blank] = _ink(along[blank], _at(places, blank), new_wide)


def _ink(along: NDArray[np.float32], places: Places, new_wide: int) -> NDArray[np.float32]:
    """(N, new_wide, H): ink of glyphs, made of a value of 1 and means of rows, (N, 1 + w, H)."""
    count, used, height = along.shape
    sums = np.empty((count, new_wide, height), np.float32)
    for run, factor, _, contrast in _runs(places):
        # more weights than are needed, in steps: few of them have to be kept
        weights = _column_weights(1 << used.bit_length(), 1 << new_wide.bit_length(), factor, contrast)
        np.matmul(weights[:new_wide, :used], along[run], out=sums[run])
    return np.clip(sums, 0, FULL, out=sums)


@lru_cache(maxsize=1024)
def _row_weights(old: int, height: int, factor: float, middle: float) -> Weights:
    """float32 (old, height): the means that they give are in units of 1/`KEPT` of a grey level."""
    shares = _shares(old, height, factor, middle - height / 2 / factor)
    return np.ascontiguousarray((np.rint(shares.T * WEIGHTS) * (KEPT / WEIGHTS)).astype(np.float32))


@lru_cache(maxsize=1024)
def _column_weights(old: int, new: int, factor: float, contrast: float) -> Weights:
    """float32 (new, 1 + old): they turn a first value of 1, and means of rows, into ink before it is clipped.

    Enlarged glyphs get edges that are a pixel wide: half of full ink stays, other values move away from it.
    contrast: of reduced ones; paper stays paper
    """
    slope, fixed = (factor / STEEPNESS, FULL / 2) if factor > 1 else (contrast, 0)
    shares = _shares(old, new, factor, -BESIDE * (factor > 1))
    unit = 1 << math.floor(math.log2(EXACT / (DARKENED * KEPT * slope)))
    weights = np.rint(shares * (slope * unit)) / (unit * KEPT)
    added = np.rint((fixed * (1 - slope) + 0.5) * unit * KEPT) / (unit * KEPT)  # 0.5: the fraction is cut off
    return np.pad(weights, ((0, 0), (1, 0)), constant_values=added).astype(np.float32)


def _shares(old: int, new: int, factor: float, first: float) -> NDArray[np.float64]:
    """float64 (new, old): what each old pixel counts in each new one.

    The new pixels begin at `first`, counted in old ones. Enlarging interpolates by a cubic B-spline, whose values have
    no corners and never overshoot; reducing averages the area under a new pixel.
    """
    new_middle = (np.arange(new)[:, None] + 0.5) / factor + first
    away = np.abs(new_middle - (np.arange(old) + 0.5))
    shares: NDArray[np.float64] = np.clip((1 + 1 / factor) / 2 - away, 0, 1) * factor
    if factor > 1:
        shares = np.where(away < 1, (4 - 6 * away**2 + 3 * away**3) / 6, np.clip(2 - away, 0, None) ** 3 / 6)
    return shares
