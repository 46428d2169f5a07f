"""Maps the glyphs of laid-out lines one by one, so that their boxes stay exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Parameters, Pixels, round_up
from digitseq.augment.boxes import ink_box
from digitseq.augment.cells import columns_of, cut_cells
from digitseq.augment.line import LineMap
from digitseq.augment.maps import SUBPIXELS, Positions, in_cache, remap
from digitseq.composer import GlyphSpans

POINTS = 5  # on each side of a glyph's box: their targets bound where the glyph will be
FRINGE = 1  # a bilinear fetch spreads ink by up to a pixel
Drawn = Sequence[tuple[LineMap, Parameters]]


def warp_lines(
    ink: GlyphSpans, x: NDArray[np.int64], width: NDArray[np.int64], height: int, drawn: Drawn
) -> tuple[GlyphSpans, NDArray[np.int64]]:
    """The ink and x (B, n) of lines in images of `width` (B,) and `height`, after all maps in their order.

    A line that would leave its image is moved, and scaled down where it must be, unless one of the maps has
    `allow_clip`: then its ink ends at the image's edges.
    """
    moved = np.zeros(len(x), bool)
    for line_map, parameters in drawn:
        moved |= line_map.changes(parameters)
    rows = np.flatnonzero(moved & ink.width.any(axis=1))
    if not rows.size:
        return ink, x
    half = width[rows] / 2
    chosen = [(m, m.prepared(half, {name: values[rows] for name, values in p.items()})) for m, p in drawn]
    warped, warped_x = _Warp(ink.at(rows), x[rows], width[rows], height, chosen).run()
    out = x.copy()
    out[rows] = warped_x
    return ink.replaced(rows, warped), out


@dataclass(frozen=True)
class _Warp:
    """Lines that all move. Positions are those of line.py; arrays (B, n, …) or one row for each glyph, (N, …)."""

    ink: GlyphSpans
    x: NDArray[np.int64]
    width: NDArray[np.int64]
    height: int
    drawn: Drawn

    def run(self) -> tuple[GlyphSpans, NDArray[np.int64]]:
        clip = any(line_map.allow_clip for line_map, _ in self.drawn)
        low, high = self._targets()
        scale, shift = self._fit(low, high, clip)
        b, j = np.nonzero(self.ink.width)  # text and glyph
        scale, shift = scale[b, None], shift[b]  # from here on one row for each glyph
        middle = np.stack([(self.width[b] - 1) / 2, np.full(len(b), (self.height - 1) / 2)], axis=1)
        first = low[b, j] * scale + shift + middle
        last = high[b, j] * scale + shift + middle
        origin = np.floor(first).astype(np.int64) - FRINGE
        size = np.ceil(last).astype(np.int64) + FRINGE + 1 - origin
        shape = (int(size[:, 1].max()), round_up(int(size[:, 0].max()), 8))
        cells = self._render(b, j, (origin - middle).astype(np.float32), scale, shift, shape)
        return self._collect(cells, b, j, origin, clip)

    def _targets(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """float32 (B, n, 2), x and y: lowest and highest position to which the sides of each glyph's box are mapped."""
        ink = self.ink
        along = np.linspace(0, 1, POINTS)
        sides = np.concatenate([[(t, 0), (t, 1), (0, t), (1, t)] for t in along])
        left, top = self.x - (self.width[:, None] - 1) / 2, ink.top - (self.height - 1) / 2
        x = left[:, :, None] + sides[:, 0] * (ink.width - 1)[:, :, None]
        y = top[:, :, None] + sides[:, 1] * (ink.bottom - ink.top - 1)[:, :, None]
        position = x.astype(np.float32), y.astype(np.float32)
        for line_map, parameters in self.drawn:
            position = line_map.target(*position, parameters)
        low = np.stack([axis.min(axis=2) for axis in position], axis=2)
        return low, np.stack([axis.max(axis=2) for axis in position], axis=2)

    def _fit(
        self, low: NDArray[np.float32], high: NDArray[np.float32], clip: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Scale (B,) and then shift (B, 2) that keep the mapped lines inside their images."""
        count = len(low)
        if clip:
            return np.ones(count, np.float32), np.zeros((count, 2), np.float32)
        there = self.ink.width[:, :, None] > 0
        least = np.where(there, low, np.float32(np.inf)).min(axis=1)
        most = np.where(there, high, np.float32(-np.inf)).max(axis=1)
        room = np.stack([self.width, np.full(count, self.height)], axis=1).astype(np.float32)
        extent = most - least + np.float32(1 + 2 * FRINGE)
        scale = np.minimum((room / extent).min(axis=1), np.float32(1))
        middle = (least + most) / 2
        play = np.maximum((room - extent * scale[:, None]) / 2, 0)
        # a line that is not scaled stays where its map puts it, as long as it is inside
        target = np.clip(middle, -play, play)
        return scale, target - middle * scale[:, None]

    def _render(
        self,
        b: NDArray[np.int64],
        j: NDArray[np.int64],
        origin: Positions,
        scale: NDArray[np.float32],
        shift: NDArray[np.float32],
        shape: tuple[int, int],
    ) -> Pixels:
        """Cells (N, *shape) of all glyphs, mapped; `origin` (N, 2) is the position of each cell's first pixel."""
        wide = self.ink.width[b, j]
        cell = (self.height + 2 * FRINGE, int(wide.max()) + 2 * FRINGE)
        rows = np.zeros(len(b), np.int64), self.height
        sources = cut_cells(self.ink.columns, self.ink.start[b, j], wide, rows, cell)
        left = self.x[b, j] - (cell[1] - wide) // 2 - (self.width[b] - 1) / 2
        middle = (left + (cell[1] - 1) / 2).astype(np.float32)[:, None, None]  # of each glyph's own cell
        out = np.empty((len(b), *shape), np.uint8)
        columns, lines = np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32)[:, None]
        for part in in_cache(len(b), shape[0] * shape[1]):
            # backwards from the pixels of the result: out of the fitted line, then through the maps, the last one first
            x = (origin[part, 0, None, None] + columns - shift[part, 0, None, None]) / scale[part, :, None]
            y = (origin[part, 1, None, None] + lines - shift[part, 1, None, None]) / scale[part, :, None]
            for line_map, parameters in reversed(self.drawn):
                x, y = line_map.source(x, y, {name: values[b[part]] for name, values in parameters.items()})
            whole = (len(x), *shape)
            out[part] = remap(sources[part], _on_grid(x, whole) - middle[part], _on_grid(y, whole))
        return out

    def _collect(
        self, cells: Pixels, b: NDArray[np.int64], j: NDArray[np.int64], origin: NDArray[np.int64], clip: bool
    ) -> tuple[GlyphSpans, NDArray[np.int64]]:
        """The ink of the mapped cells and the left edge x (B, n) of each glyph."""
        box = ink_box(cells)
        shift = origin[:, 1].copy()
        left, right = box.left, box.right
        if clip:
            columns = columns_of(cells, shift, self.height)
            visible = np.ascontiguousarray(columns.reshape(len(cells), cells.shape[2], -1).transpose(0, 2, 1))
            column = np.arange(cells.shape[2])
            at = origin[:, :1] + column
            visible *= ((at >= 0) & (at < self.width[b, None]))[:, None, :]
            box = ink_box(visible)
            seen = np.any(visible, axis=(1, 2))
            left, right = np.where(seen, box.left, 0), np.where(seen, box.right, 0)
            top, bottom = np.where(seen, box.top, 0), np.where(seen, box.bottom, 0)
        else:
            # rounding may have put ink a pixel outside
            top = np.clip(box.top + shift, 0, self.height - (box.bottom - box.top))
            columns = columns_of(cells, top - box.top, self.height)
            bottom = top + box.bottom - box.top
        spans = np.zeros((5, *self.x.shape), np.int64)
        start = np.arange(len(cells)) * cells.shape[2] + left
        x = np.clip(origin[:, 0] + left, 0, self.width[b] - (right - left))
        spans[:, b, j] = start, right - left, top, bottom, x
        return GlyphSpans(columns, *spans[:4]), spans[4]


def _on_grid(positions: Positions, shape: tuple[int, ...]) -> Positions:
    """`positions` broadcast to `shape` and rounded as `remap` rounds them.

    `remap` rounds too late: its positions count from the middle of a cell, whose size depends on the batch. Moved
    there unrounded, they would differ in float32 between batches, and so would the pixels.
    """
    steps = np.multiply(positions, np.float32(SUBPIXELS), out=np.empty(shape, np.float32))
    np.rint(steps, out=steps)
    steps /= np.float32(SUBPIXELS)
    return steps
