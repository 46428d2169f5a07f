"""Maps of the plane: where the pixels of a result come from, all glyphs of a batch by one remap over a sheet.

Positions count from the middle of a cell, x to the right and y down, in pixels.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import GlyphOperation, Outline, Parameters, Pixels, opencv
from digitseq.random_streams import Rows

Positions = NDArray[np.float32]
Affine = NDArray[np.float64]  # (N, 2, 3): (x, y, 1) of the result to (x, y) of the source

SHEET_ROWS = 32_000  # OpenCV's remap takes images of less than 32,768 rows
CACHED_POSITIONS = 1 << 17  # source positions that stay in the processor's cache, 8 bytes each
STEEPER = 1.4  # slope of an edge of sharp cells over that of an interpolated one
SUBPIXELS = 64  # source positions are rounded to 1/64 pixel: exact in float32 wherever a cell is on the sheet


class GlyphMap(GlyphOperation):
    """An operation on glyphs that moves ink and leaves it as dark as it is. Maps in a row are interpolated once."""

    reach = 1  # a bilinear fetch spreads ink by up to a pixel

    def apply(self, cells: Pixels, parameters: Parameters) -> Pixels:
        return apply_maps(cells, [(self, parameters)])


class AffineMap(GlyphMap):
    """A map that takes straight lines to straight lines."""

    @abstractmethod
    def affine(self, parameters: Parameters) -> Affine:
        """The map of every glyph, the identity for glyphs that are left alone."""

    def outline(self, points: Outline, rows: Rows) -> Outline:
        maps = self.affine(self.draw(rows, len(points), (1, 1)))
        back = np.linalg.inv(maps[:, :, :2])
        moved: Outline = np.matmul(back, points - maps[:, :, 2:])
        return moved


class DisplacementMap(GlyphMap):
    """A map that moves every pixel by an offset of its own."""

    @abstractmethod
    def displacement(self, parameters: Parameters, chosen: NDArray[np.int64]) -> tuple[Positions, Positions]:
        """x and y offsets from result to source, float32 (len(chosen), h, w), for the chosen glyphs."""


Maps = Sequence[tuple[GlyphMap, Parameters]]
Step = Affine | tuple[DisplacementMap, Parameters]


def identity(count: int) -> Affine:
    """The map that leaves everything where it is, `count` times."""
    return np.eye(2, 3)[None].repeat(count, axis=0)


def composed(first: Affine, second: Affine) -> Affine:
    """The map from a result to its source when `first` is applied first, and `second` to what it makes."""
    linear: Affine = np.einsum("nij,njk->nik", first[:, :, :2], second)
    linear[:, :, 2] += first[:, :, 2]
    return linear


def apply_maps(cells: Pixels, maps: Maps, sharp: bool = False) -> Pixels:
    """Cells (N, h, w) after all `maps`, in their order, with a single bilinear interpolation. sharp: see `remap`."""
    moved = np.any([operation.changes(parameters) for operation, parameters in maps], axis=0)
    steps: list[Step] = []
    for operation, parameters in maps:
        if isinstance(operation, AffineMap):
            steps.append(operation.affine(parameters))
        elif isinstance(operation, DisplacementMap):
            steps.append((operation, parameters))
    return moved_cells(cells, np.flatnonzero(moved), steps, sharp)


def moved_cells(cells: Pixels, chosen: NDArray[np.int64], steps: Sequence[Step], sharp: bool = False) -> Pixels:
    """Cells (N, h, w), the chosen ones after all steps.

    Positions are followed backwards through all steps before any pixel is fetched: each interpolation blurs.
    """
    out = cells.copy() if chosen.size else cells
    for part in in_cache(len(chosen), *cells.shape[1:]):
        some = chosen[part]
        out[some] = remap(cells[some], *_sources(some, steps, cells.shape[1:]), sharp)
    return out


def in_cache(count: int, height: int, width: int) -> Iterator[slice]:
    """Slices of 0 … count-1, short enough for `remap`, and for the positions of such cells to stay in the cache."""
    most = max(min(CACHED_POSITIONS // (height * width), SHEET_ROWS // height), 1)
    for first in range(0, count, most):
        yield slice(first, min(first + most, count))


def _sources(chosen: NDArray[np.int64], steps: Sequence[Step], size: tuple[int, ...]) -> tuple[Positions, Positions]:
    """Where every pixel of the chosen results comes from."""
    y, x = centred_grid(*size)
    pending = identity(len(chosen))  # affine maps in a row, composed into one
    for step in reversed(steps):
        if isinstance(step, np.ndarray):
            pending = composed(step[chosen], pending)
        else:
            operation, parameters = step
            x, y = projected(pending, x, y)
            for positions, offset in zip((x, y), operation.displacement(parameters, chosen)):
                positions += offset
            pending = identity(len(chosen))
    x, y = projected(pending, x, y)
    return x, y


def projected(matrix: NDArray[np.float64], x: Positions, y: Positions) -> list[Positions]:
    """matrix (N, k, 3) times (x, y, 1): k new arrays (N, h, w); x and y broadcast."""
    m = matrix.astype(np.float32)[:, :, :, None, None]
    return [m[:, k, 0] * x + (m[:, k, 1] * y + m[:, k, 2]) for k in range(m.shape[1])]


def centred_grid(height: int, width: int) -> tuple[Positions, Positions]:
    """y (height, 1) and x (1, width) of every pixel, from the middle of the cell."""
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32((height - 1) / 2)
    x = np.arange(width, dtype=np.float32)[None, :] - np.float32((width - 1) / 2)
    return y, x


def remap(cells: Pixels, x: Positions, y: Positions, sharp: bool = False) -> Pixels:
    """Results (N, h', w') fetched bilinearly from cells (N, h, w) at x and y, float32 (N, h', w').

    x and y are overwritten; N is at most what `in_cache` gives. Fetches from outside a cell give its outermost
    pixels, which are paper in the cells of a `GlyphChain`. sharp: edges, which interpolation makes about two pixels
    wide, become one pixel wide again; for cells whose edges are that sharp.
    """
    count, height, width = cells.shape
    column, row = _from_edge(x, width), _from_edge(y, height)
    # the cells on top of each other are one tall image: one call of OpenCV for all of them
    row += (np.arange(count, dtype=np.float32) * height)[:, None, None]
    sheet: Pixels = opencv().remap(
        cells.reshape(-1, width),
        column.reshape(-1, x.shape[2]),
        row.reshape(-1, x.shape[2]),
        opencv().INTER_LINEAR,
    )
    return (opencv().LUT(sheet, _steeper()) if sharp else sheet).reshape(x.shape)


@lru_cache(maxsize=1)
def _steeper() -> Pixels:
    """uint8 (256,): levels moved away from half of full ink, which stays."""
    steeper: Pixels = np.clip(np.rint((np.arange(256) - 127.5) * STEEPER + 127.5), 0, 255).astype(np.uint8)
    return steeper


def _from_edge(centred: Positions, size: int) -> Positions:
    """Positions from a cell's middle turned into positions from its edge, rounded and inside the cell; in place."""
    centred += np.float32((size - 1) / 2)
    centred *= np.float32(SUBPIXELS)
    np.rint(centred, out=centred)
    np.maximum(centred, np.float32(0), out=centred)
    np.minimum(centred, np.float32((size - 1) * SUBPIXELS), out=centred)
    centred /= np.float32(SUBPIXELS)
    return centred
