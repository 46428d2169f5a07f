"""Inking: pieces of writing as columns of pixels, all by one threshold of a warped distance field.

Ink is what lies nearer to a centre line than half the width of the pen, with edges one pixel wide. Gray glyphs are
inked in the same way, with their brightness in place of the distance.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digitseq.glyphs.centre_lines import opencv
from digitseq.glyphs.glyph_columns import GlyphColumns
from digitseq.glyphs.ink_extent import drawn_columns

STEPS = 64  # places in a field are rounded to this part of a sample: exact in float32 anywhere on a sheet
PIECE_PIXELS = 1 << 16  # pixels that are inked at once stay in the processor's cache
SHEET_ROWS = 32_000  # OpenCV's remap takes images of less than 32,768 rows
FULL = 255

Numbers = NDArray[np.float64]


class Pieces(NamedTuple):
    """M pieces of writing in images of one height.

    row: int64 (M,), the field of each; left, width: int64 (M,), the columns of the image that it may reach
    place: float64 (M, 2, 3): from x, y and 1, of the middle of a pixel of the image, to column and row of the field
    full: float64 (M, 3): from 1, x and y, as the distance from the piece's middle in image heights, to the ink on the
    line itself; steep: float64 (M,), how much less that is for each level of the field; most: float64 (M,)
    """

    row: NDArray[np.int64]
    left: NDArray[np.int64]
    width: NDArray[np.int64]
    place: Numbers
    full: Numbers
    steep: Numbers
    most: Numbers

    def at(self, some: Any) -> Pieces:
        """Some of the pieces, chosen by an index or a slice."""
        return Pieces._make(array[some] for array in self)


def ink_pieces(fields: NDArray[np.uint8], pieces: Pieces, height: int) -> tuple[GlyphColumns, NDArray[np.int64]]:
    """The columns of each piece in images of `height` pixels, and the column of the image at which each begins, (M,).

    fields: uint8 (N, S, S), of which the pieces have the rows. Pieces without ink have a width of 0.
    """

    def draw(some: NDArray[np.int64], images: NDArray[np.uint8]) -> None:
        _ink(fields, pieces.at(some), images)
        # a group is as wide as its widest piece: what others have beyond their own width must not depend on that
        images[np.arange(images.shape[1]) >= pieces.width[some, None]] = 0

    columns, beside = drawn_columns(list(_groups(pieces.width, height)), height, draw)
    return columns, pieces.left + beside


def _groups(width: NDArray[np.int64], height: int) -> Iterator[tuple[NDArray[np.int64], int]]:
    """Pieces of nearly the same width, and the greatest width of each group."""
    order = np.argsort(width, kind="stable")
    first = 0
    while first < len(order):
        # in this order, pieces next to each other have nearly the same width
        size = max(PIECE_PIXELS // (int(width[order[first]]) * height), 1)
        some = order[first : first + size]
        yield some, int(width[some[-1]])
        first += size


def _ink(fields: NDArray[np.uint8], pieces: Pieces, images: NDArray[np.uint8]) -> None:
    """Draw pieces (N,) into images (N, W, H), which hold them transposed: column by column."""
    count, wide, height = images.shape
    x = np.arange(wide, dtype=np.float32)[:, None] + np.float32(0.5)
    y = np.arange(height, dtype=np.float32) + np.float32(0.5)
    side = fields.shape[1]
    most = max(SHEET_ROWS // side, 1)
    for first in range(0, count, most):
        part = pieces.at(slice(first, first + most))
        _ink_sheet(fields.take(part.row, axis=0), part, images[first : first + most], x, y)


def _ink_sheet(
    cells: NDArray[np.uint8], pieces: Pieces, images: NDArray[np.uint8], x: NDArray[np.float32], y: NDArray[np.float32]
) -> None:
    count, side, _ = cells.shape
    shape = images.shape
    place = (pieces.place * STEPS).astype(np.float32)[..., None, None]
    column = place[:, 0, 0] * x + (place[:, 0, 1] * y + place[:, 0, 2])
    column *= np.float32(1 / STEPS)
    row = place[:, 1, 0] * x + (place[:, 1, 1] * y + place[:, 1, 2])
    np.rint(row, out=row)
    # what is above or below a field is another one on the sheet; the outermost samples of each are far from its line
    np.clip(row, 0, (side - 1) * STEPS, out=row)
    row *= np.float32(1 / STEPS)
    row += (np.arange(count, dtype=np.float32) * side)[:, None, None]
    cv = opencv()
    far = cv.remap(
        cells.reshape(-1, side), column.reshape(-1, shape[2]), row.reshape(-1, shape[2]), cv.INTER_LINEAR,
        borderMode=cv.BORDER_CONSTANT, borderValue=FULL,
    ).reshape(shape)  # fmt: skip
    ink = far.astype(np.float32)
    ink *= -pieces.steep.astype(np.float32)[:, None, None]
    full = pieces.full.astype(np.float32)[..., None, None]
    ink += (full[:, 0] + full[:, 1] * (x / shape[2])) + full[:, 2] * (y / shape[2])
    np.clip(ink, 0, pieces.most.astype(np.float32)[:, None, None], out=ink)
    if (_most_ink(pieces, *shape[1:]) > pieces.steep * FULL).any():
        ink[far == FULL] = 0
    images[...] = ink


def _most_ink(pieces: Pieces, wide: int, height: int) -> Numbers:
    """float64 (N,): upper bound of the ink on the lines of pieces.

    A thick pen on a small glyph reaches farther than a field knows distances: without a bound it inks all its paper.
    """
    full = pieces.full
    grows = np.maximum(full[:, 1:], 0) * (wide / height, 1)
    most: Numbers = full[:, 0] + grows.sum(axis=1)
    return most
