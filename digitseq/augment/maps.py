"""Maps of the plane: where the pixels of a result come from. Maps in a row are composed, and interpolated once.

Positions count from the middle of a glyph, x to the right and y down, in pixels. A window is what of the plane the
cells of glyphs show: all are equally large, and each has its middle at an offset of its own, in whole pixels.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import GlyphOperation, Outline, Parameters, Picked, Pixels
from digitseq.augment.sheets import SUBPIXELS, Positions, Sheet, fetched, sharpened, sheet_of_cells
from digitseq.random_streams import Rows

Affine = NDArray[np.float64]  # (N, 2, 3): (x, y, 1) of the result to (x, y) of the source
Offsets = NDArray[np.int64]  # (N, 2): x and y of the middles of windows
# x and y offsets of the pixels of N cells (h, w): weights (h, p) times values (N, 2, p, w). The weights are whole
# numbers of 1/64 and add up to 1, the values whole numbers of 1/16 pixel: sums are exact in float32 in any order.
Displacement = tuple[NDArray[np.float32], NDArray[np.float32]]
WEIGHT_STEPS = 64
VALUE_STEPS = 16
ONE_THREAD = 1 << 16  # multiplications of a matrix product
SPREAD = 0.5  # pixels by which a bilinear fetch spreads the edges of ink
HARDLY = 1 / 24  # what a fetch from this close to paper finds is paper, even with positions that are rounded


class GlyphMap(GlyphOperation):
    """An operation on glyphs that moves ink and leaves it as dark as it is."""

    reach = 1  # a bilinear fetch spreads ink by up to a pixel

    def apply(self, cells: Pixels, parameters: Parameters) -> Pixels:
        return moved_cells(cells, MapRun.of([(self, parameters)], len(cells)))


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
    def displacement(self, parameters: Parameters, size: tuple[int, int]) -> Displacement:
        """Offsets from results to sources, for cells of this height and width, which may be less than drawn for."""

    @abstractmethod
    def farthest(self, parameters: Parameters) -> NDArray[np.float64]:
        """float64 (N,): no offset of a glyph is longer in x or in y, in pixels."""


Maps = Sequence[tuple[GlyphMap, Parameters]]


def identity(count: int) -> Affine:
    """The map that leaves everything where it is, `count` times."""
    return np.eye(2, 3)[None].repeat(count, axis=0)


def composed(first: Affine, second: Affine) -> Affine:
    """The map from a result to its source when `first` is applied first, and `second` to what it makes."""
    linear: Affine = first[:, :, :1] * second[:, :1] + first[:, :, 1:2] * second[:, 1:]
    linear[:, :, 2] += first[:, :, 2]
    return linear


@dataclass(frozen=True)
class MapRun:
    """Maps in a row, of N glyphs: a pixel comes from the place where `matrix` maps it, and displacements are added.

    displacements: operation, parameters, and what its offsets are multiplied with, (N, 2, 2)
    moved: bool (N,), glyphs that are moved at all; displaced: those with a displacement
    """

    matrix: Affine
    displacements: Sequence[tuple[DisplacementMap, Parameters, Affine]]
    moved: NDArray[np.bool_]
    displaced: NDArray[np.bool_]

    @classmethod
    def of(cls, maps: Maps, count: int) -> MapRun:
        """All `maps`, in their order, of `count` glyphs."""
        matrix: Affine | None = None
        displacements: list[tuple[DisplacementMap, Parameters, Affine]] = []
        moved, displaced = np.zeros((2, count), bool)
        for operation, parameters in reversed(maps):
            changes = operation.changes(parameters)
            moved |= changes
            if isinstance(operation, AffineMap):
                affine = operation.affine(parameters)
                matrix = affine if matrix is None else composed(affine, matrix)
                displacements = [(o, p, affine[:, :, :2] @ mixed) for o, p, mixed in displacements]
            elif isinstance(operation, DisplacementMap):
                displaced |= changes
                displacements.append((operation, parameters, identity(count)[:, :, :2]))
        return cls(identity(count) if matrix is None else matrix, displacements, moved, displaced)

    def at(self, some: NDArray[np.int64]) -> MapRun:
        """The maps of some glyphs, without displacements if none of these has any."""
        displaced, displacements = self.displaced[some], []
        if displaced.any():
            displacements = [(o, Picked(p, some), mixed[some]) for o, p, mixed in self.displacements]
        return MapRun(self.matrix[some], displacements, self.moved[some], displaced)

    def box(self, box: NDArray[np.float64]) -> NDArray[np.float64]:
        """(2, 2, N): lowest and highest x and y of ink that was in `box` before; no ink is outside."""
        low, high = box - SPREAD * self.moved, box + SPREAD * self.moved
        (left, top), (right, bottom) = low[0], high[1]
        for operation, parameters, mixed in self.displacements:
            across, down = operation.farthest(parameters) * np.abs(mixed).sum(axis=2).T
            left, right, top, bottom = left - across, right + across, top - down, bottom + down
        (a, b, c), (d, e, f) = self.matrix.transpose(1, 2, 0)
        x, y = (left + right) / 2 - c, (top + bottom) / 2 - f
        wide, tall, area = (right - left) / 2, (bottom - top) / 2, a * e - b * d
        middle = np.stack([e * x - b * y, a * y - d * x]) / area
        half = np.stack([np.abs(e) * wide + np.abs(b) * tall, np.abs(a) * tall + np.abs(d) * wide]) / np.abs(area)
        return np.stack([middle - half, middle + half])

    def reach(self, size: tuple[int, int], offset: Offsets) -> NDArray[np.float64]:
        """(2, N): how far from the middle of the source, in x and y, windows of `size` show it."""
        linear, moved = self.matrix[:, :, :2], self.matrix[:, :, 2]
        middle = linear[:, :, 0] * offset[:, :1] + linear[:, :, 1] * offset[:, 1:] + moved
        far = np.abs(middle) + np.abs(linear) @ (np.array([size[1], size[0]]) / 2)
        for operation, parameters, mixed in self.displacements:
            far += operation.farthest(parameters)[:, None] * np.abs(mixed).sum(axis=2)
        return far.T

    def factors(
        self, size: tuple[int, int], offset: Offsets, added: NDArray[np.float64]
    ) -> tuple[Positions, Positions]:
        """float32 (2, N, w, k) and (2, N, k, h): their products are x and y in the source of windows of `size` (h, w).

        Rounded so that all sums are exact, whatever the window; added: float64 (2, N), multiples of 1/64
        """
        (height, width), count = size, len(self.matrix)
        x, y = (
            np.arange(length, dtype=np.float32) + (middle - (length - 1) / 2).astype(np.float32)[:, None]
            for length, middle in zip((width, height), offset.T)
        )
        # a sum of products: x times a factor and 1, 1 and y times a factor, and displacements
        parts = [o.displacement(p, size) for o, p, _ in self.displacements]
        terms = 2 + sum(weights.shape[1] for weights, _ in parts)
        across = np.empty((2, count, width, terms), np.float32)
        down = np.empty((2, count, terms, height), np.float32)
        down[:, :, 0] = across[..., 1] = 1
        a, b, c = (self.matrix * SUBPIXELS).astype(np.float32).transpose(2, 1, 0)[..., None]
        across[..., 0] = np.rint(a * x) / np.float32(SUBPIXELS)
        down[:, :, 1] = np.rint(b * y + c) / np.float32(SUBPIXELS) + added.astype(np.float32)[..., None]
        first = 2
        for (_, _, mixed), (weights, values) in zip(self.displacements, parts):
            end = first + weights.shape[1]
            down[:, :, first:end] = weights.T
            if (mixed != np.eye(2)).any():
                values = np.einsum("nij,njpw->nipw", mixed.astype(np.float32), values)
                values = np.rint(values * VALUE_STEPS) / VALUE_STEPS
            across[..., first:end] = values.transpose(1, 0, 3, 2)
            first = end
        return across, down


def moved_cells(
    cells: Pixels,
    run: MapRun,
    sharp: bool = False,
    size: tuple[int, int] | None = None,
    offset: Offsets | None = None,
    before: Offsets | None = None,
) -> Pixels:
    """Turned cells (N, w, h) after the maps of `run`, with a single interpolation. sharp: see `sharpened`.

    size, offset: of the windows that result, height first, if not those of the cells; before: the offsets of the cells
    """
    same = np.zeros((len(cells), 2), np.int64)
    offset, before = same if offset is None else offset, same if before is None else before
    size = (cells.shape[2], cells.shape[1]) if size is None else size
    reach = run.reach(size, offset)[0] + np.abs(before[:, 0])
    return moved(sheet_of_cells(cells, float(reach.max())), run, sharp, size, offset, before)


def moved(
    sheet: Sheet, run: MapRun, sharp: bool, size: tuple[int, int], offset: Offsets, before: Offsets | None = None
) -> Pixels:
    """Turned cells (N, w, h), windows at `offset`, of the glyphs of a sheet after the maps of `run`; size: (h, w)."""
    out = np.empty((len(offset), size[1], size[0]), np.uint8)
    parts = list(sheet.slices(size))
    added = np.concatenate([sheet.middles(part) for part in parts], axis=1)
    across, down = run.factors(size, offset, added if before is None else added - before.T)
    for part in parts:
        fetched(sheet, part, _product(across[:, part], down[:, part]), out[part])
    return sharpened(out, run.moved) if sharp else out


def _product(across: NDArray[np.float32], down: NDArray[np.float32]) -> NDArray[np.float32]:
    """across (…, w, k) times down (…, k, h)."""
    width, terms, height = *across.shape[-2:], down.shape[-1]
    # BLAS starts threads for larger products: for these, they wait for each other longer than they work
    most = max(ONE_THREAD // (terms * height), 1)
    if most >= width:
        whole: NDArray[np.float32] = np.matmul(across, down)
        return whole
    out = np.empty((*across.shape[:-1], height), np.float32)
    for first in range(0, width, most):
        out[..., first : first + most, :] = np.matmul(across[..., first : first + most, :], down)
    return out
