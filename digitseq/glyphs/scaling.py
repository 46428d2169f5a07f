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
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digitseq.glyphs.catalog import SIDE
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

Numbers = NDArray[np.int64]
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


class GlyphColumns(NamedTuple):
    """Glyphs as columns of pixels.

    columns: uint8 (T, height); start, width, top, bottom: integers (N,): the ink of glyph g is in
    columns[start[g] : start[g] + width[g]] and in rows top[g] … bottom[g]-1
    """

    columns: NDArray[np.uint8]
    start: NDArray[Any]
    width: NDArray[Any]
    top: NDArray[Any]
    bottom: NDArray[Any]


def scaled(glyphs: GlyphColumns, scaling: Scaling, places: Places | None = None) -> GlyphColumns:
    """The same glyphs (N,) in another size; what is made of one does not depend on the others.

    places: where they do not all have the size and the place that `scaling` gives
    Each has some ink, and all of its ink is inside the image. Its columns are next to each other, without others.
    """
    boxes, columns, end = np.zeros((4, len(glyphs.start)), np.int64), [], 0
    for some, factor, middle, contrast in _pieces(glyphs, scaling, places or _usual_places(glyphs, scaling)):
        images = _scaled(_cells(glyphs, some), factor, middle, contrast, scaling.height)
        kept, boxes[1:, some] = _extents(images)
        columns.append(images[kept])
        boxes[0, some] = end + np.cumsum(boxes[1, some]) - boxes[1, some]
        end += len(columns[-1])
    return GlyphColumns(columns[0] if len(columns) == 1 else np.concatenate(columns), *boxes)


def widest(width: NDArray[Any], scaling: Scaling) -> Numbers:
    """int64: upper bounds of the widths that glyphs of these widths get."""
    # ink ends half a pixel beyond the outline at most, and the outline anywhere within a pixel
    bound: Numbers = np.ceil(width * scaling.factor).astype(np.int64) + 2
    return bound


def _usual_places(glyphs: GlyphColumns, scaling: Scaling) -> Places:
    """The middle of the glyphs' images is the middle of the new ones."""
    values = scaling.factor, glyphs.columns.shape[1] / 2, 1
    return Places(*(np.full(len(glyphs.start), value, np.float64) for value in values))


def _pieces(glyphs: GlyphColumns, scaling: Scaling, places: Places) -> Iterator[tuple[Numbers, float, float, float]]:
    """Glyphs of nearly one width and their place, as in `Places`."""
    factor = np.minimum(places.factor, scaling.height / (glyphs.bottom.astype(np.int64) - glyphs.top))
    half = scaling.height / factor / 2
    # a glyph that would stick out is moved
    lowest, highest = (np.rint(edge * FINEST) / FINEST for edge in (glyphs.bottom - half, glyphs.top + half))
    middle = np.clip(np.rint(places.middle * FINEST) / FINEST, lowest, highest)
    place = np.stack([places.contrast, middle, factor])
    order = np.lexsort([glyphs.width, *place])
    changes = np.flatnonzero((np.diff(place[:, order]) != 0).any(axis=0)) + 1
    for alike in np.split(order, changes):
        contrast, row, times = place[:, alike[0]].tolist()
        size = max(PIECE_PIXELS // (_new_width(int(glyphs.width[alike[-1]]), times) * scaling.height), 1)
        for first in range(0, len(alike), size):
            yield alike[first : first + size], times, row, contrast


def _cells(glyphs: GlyphColumns, some: Numbers) -> NDArray[np.uint8]:
    """uint8 (N, w, h): the columns of some glyphs, and paper to the right of them."""
    width = glyphs.width[some].astype(np.int64)[:, None]
    column = np.arange(width.max())
    cells = glyphs.columns.take(glyphs.start[some][:, None] + column, axis=0, mode="clip")
    cells *= (column < width)[:, :, None]
    return cells


def _new_width(width: int, factor: float) -> int:
    return math.ceil((width + 2 * BESIDE * (factor > 1)) * factor)


def _scaled(cells: NDArray[np.uint8], factor: float, middle: float, contrast: float, height: int) -> NDArray[np.uint8]:
    """uint8 (N, W, height): cells (N, w, h), `factor` times as large, with row `middle` in the middle."""
    count, wide, tall = cells.shape
    values = outline_field(cells) if factor > 1 else cells.astype(np.float32)
    along = np.ones((count, wide + 1, height), np.float32)
    means = np.matmul(values, _row_weights(tall, height, factor, middle), out=along[:, :wide])
    np.rint(means, out=means)
    columns = _column_weights(wide, factor, contrast)
    images = _drawn(columns, along)
    # a dot of a single pixel, or ink that is faint all over, has no outline
    if (blank := np.flatnonzero(~images.any(axis=(1, 2)))).size:
        means = along[blank, :wide]
        along[blank, :wide] = np.rint(means * (np.float32(DARKENED * KEPT) / means.max(axis=(1, 2), keepdims=True)))
        images[blank] = _drawn(columns, along[blank])
    return images


def _drawn(columns: Weights, along: NDArray[np.float32]) -> NDArray[np.uint8]:
    """uint8 (N, W, H): the sums of `along` (N, w + 1, H) with weights (W, w + 1), as ink."""
    sums = np.matmul(columns, along)
    ink: NDArray[np.uint8] = np.clip(sums, 0, FULL, out=sums).astype(np.uint8)
    return ink


@lru_cache(maxsize=1024)
def _row_weights(old: int, height: int, factor: float, middle: float) -> Weights:
    """float32 (old, height): the means that they give are in units of 1/`KEPT` of a grey level."""
    shares = _shares(old, height, factor, middle - height / 2 / factor)
    return np.ascontiguousarray((np.rint(shares.T * WEIGHTS) * (KEPT / WEIGHTS)).astype(np.float32))


@lru_cache(maxsize=1024)
def _column_weights(old: int, factor: float, contrast: float) -> Weights:
    """float32 (new, old + 1): they turn means of rows, and a last one of 1, into ink before it is clipped.

    Enlarged glyphs get edges that are a pixel wide: half of full ink stays, other values move away from it.
    contrast: of reduced ones; paper stays paper
    """
    slope, fixed = (factor / STEEPNESS, FULL / 2) if factor > 1 else (contrast, 0)
    shares = _shares(old, _new_width(old, factor), factor, -BESIDE * (factor > 1))
    unit = 1 << math.floor(math.log2(EXACT / (DARKENED * KEPT * slope)))
    weights = np.rint(shares * (slope * unit)) / (unit * KEPT)
    added = np.rint((fixed * (1 - slope) + 0.5) * unit * KEPT) / (unit * KEPT)  # 0.5: the fraction is cut off
    return np.pad(weights, ((0, 0), (0, 1)), constant_values=added).astype(np.float32)


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


def _extents(images: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], Numbers]:
    """Columns (N, W) from the first inked one to the last; width, top and bottom (3, N) of the ink."""
    words = images.view(f"u{math.gcd(images.shape[2], 8)}")  # several pixels at a time
    left, right = _ends(np.bitwise_or.reduce(words, axis=2) != 0)
    top, bottom = _ends(images.max(axis=1) != 0)
    column = np.arange(images.shape[1])
    return (column >= left[:, None]) & (column < right[:, None]), np.stack([right - left, top, bottom])


def _ends(inked: NDArray[np.bool_]) -> tuple[Numbers, Numbers]:
    """int64 (N,) each: the first true of every row, and one past the last."""
    return inked.argmax(axis=1), inked.shape[1] - inked[:, ::-1].argmax(axis=1)
