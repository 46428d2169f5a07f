"""Maps the glyphs of laid-out lines one by one, so that their boxes stay exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Parameters, Pixels
from digitseq.augment.boxes import between, ink_box
from digitseq.augment.cells import cut_cells, spans_of
from digitseq.augment.draws import round_up
from digitseq.augment.line import LineMap
from digitseq.augment.maps import SUBPIXELS, Positions, in_cache, remap
from digitseq.composer import GlyphSpans

POINTS = 5  # on each side of a glyph's box: their targets bound where the glyph will be
FRINGE = 1  # a bilinear fetch spreads ink by up to a pixel
Drawn = Sequence[tuple[LineMap, Parameters]]


def warp_lines(
    ink: GlyphSpans, x: NDArray[np.int64], width: NDArray[np.int64], height: int, drawn: Drawn, sharp: bool = False
) -> tuple[GlyphSpans, NDArray[np.int64]]:
    """The ink and x (B, n) of lines in images of `width` (B,) and `height`, after all maps in their order.

    A line that would leave its image is moved, and scaled down where it must be, unless one of the maps has
    `allow_clip`: then its ink ends at the image's edges. sharp: see `remap`.
    """
    moved = np.any([line_map.changes(parameters) for line_map, parameters in drawn], axis=0)
    rows = np.flatnonzero(moved & ink.width.any(axis=1))
    if not rows.size:
        return ink, x
    lines, half = ink.at(rows), width[rows] / 2
    text, place = np.nonzero(lines.width)  # of each glyph
    maps = []
    for line_map, parameters in drawn:
        prepared = line_map.prepared(half, {name: values[rows] for name, values in parameters.items()})
        maps.append((line_map, {name: values[text] for name, values in prepared.items()}))
    size = np.stack([width[rows[text]], np.full(len(text), height)], axis=1)
    start, wide, top, bottom = (values[text, place] for values in (lines.start, lines.width, lines.top, lines.bottom))
    glyphs = _Glyphs(GlyphSpans(ink.columns, start, wide, top, bottom), x[rows[text], place], text, size, maps, sharp)
    cells, origin = glyphs.mapped()
    box = ink_box(cells)
    left, right = box[:2]
    out = x.copy()
    # rounding may have put ink a pixel outside
    out[rows[text], place] = np.clip(origin[:, 0] + left, 0, size[:, 0] - (right - left))
    at = np.flatnonzero(lines.width)
    spans = spans_of(cells, box, origin[:, 1], height, at, lines.width.shape)
    if ink.shapes is not None:
        clean, _ = replace(glyphs, ink=replace(glyphs.ink, columns=ink.shapes)).mapped()
        shapes = spans_of(clean, box, origin[:, 1], height, at, lines.width.shape).columns
        spans = replace(spans, shapes=shapes)
    return ink.replaced(rows, spans), out


@dataclass(frozen=True)
class _Glyphs:
    """N glyphs that all move, of lines in images of `size` (N, 2), width and height. Positions are those of line.py.

    text: int64 (N,), the line that each glyph belongs to, from 0 on and ascending; sharp: see `remap`
    """

    ink: GlyphSpans
    x: NDArray[np.int64]
    text: NDArray[np.int64]
    size: NDArray[np.int64]
    maps: Drawn
    sharp: bool

    def mapped(self) -> tuple[Pixels, NDArray[np.int64]]:
        """Cells with the mapped glyphs, and each cell's origin (N, 2): its first pixel's x and y in the image."""
        clip = any(line_map.allow_clip for line_map, _ in self.maps)
        low, high = self._targets()
        scale, shift = np.ones((len(low), 1), np.float32), np.zeros((len(low), 2), np.float32)
        if not clip:
            scale, shift = self._fit(low, high)
        middle = (self.size - 1) / 2
        origin = np.floor(low * scale + shift + middle).astype(np.int64) - FRINGE
        extent = np.ceil(high * scale + shift + middle).astype(np.int64) + FRINGE + 1 - origin
        shape = (int(extent[:, 1].max()), round_up(int(extent[:, 0].max()), 8))
        cells = self._render((origin - middle).astype(np.float32), scale, shift, shape)
        if clip:
            # ink outside the image goes before boxes are taken: they end at its edges
            columns, rows = (between(-origin[:, k], self.size[:, k] - origin[:, k], shape[1 - k]) for k in range(2))
            cells &= rows[:, :, None] & columns[:, None, :]
        return cells, origin

    def _targets(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """float32 (N, 2), x and y: lowest and highest position to which the sides of each glyph's box are mapped."""
        ink, middle = self.ink, (self.size - 1) / 2
        along = np.linspace(0, 1, POINTS)
        sides = np.concatenate([[(t, 0), (t, 1), (0, t), (1, t)] for t in along])
        first = np.stack([self.x, ink.top], axis=1) - middle
        length = np.stack([ink.width, ink.bottom - ink.top], axis=1) - 1
        x, y = (first[:, :, None] + sides.T * length[:, :, None]).astype(np.float32).transpose(1, 0, 2)[:, :, None]
        for line_map, parameters in self.maps:
            x, y = line_map.target(x, y, parameters)
        position = np.concatenate([x, y], axis=1)
        return position.min(axis=2), position.max(axis=2)

    def _fit(
        self, low: NDArray[np.float32], high: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Scale (N, 1) and then shift (N, 2), equal for all glyphs of a line, that keep mapped lines inside images."""
        first = np.flatnonzero(np.diff(self.text, prepend=-1))  # glyph of each line
        least, most = np.minimum.reduceat(low, first), np.maximum.reduceat(high, first)
        room = self.size[first].astype(np.float32)
        extent = most - least + np.float32(1 + 2 * FRINGE)
        scale = np.minimum((room / extent).min(axis=1, keepdims=True), np.float32(1))
        middle = (least + most) / 2
        play = np.maximum((room - extent * scale) / 2, 0)
        # a line that is not scaled stays where its map puts it, as long as it is inside
        shift = np.clip(middle, -play, play) - middle * scale
        return scale[self.text], shift[self.text]

    def _render(
        self, origin: Positions, scale: NDArray[np.float32], shift: NDArray[np.float32], shape: tuple[int, int]
    ) -> Pixels:
        """Cells (N, *shape) of all glyphs, mapped; `origin` (N, 2) is the position of each cell's first pixel."""
        wide, height = self.ink.width, self.ink.columns.shape[1]
        cell = (height + 2 * FRINGE, int(wide.max()) + 2 * FRINGE)
        sources = cut_cells(self.ink.columns, self.ink.start, wide, (np.zeros_like(wide), height), cell)
        left = self.x - (cell[1] - wide) // 2 - (self.size[:, 0] - 1) / 2
        middle = (left + (cell[1] - 1) / 2).astype(np.float32)[:, None, None]  # of each glyph's own cell
        out = np.empty((len(wide), *shape), np.uint8)
        columns, lines = np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32)[:, None]
        for part in in_cache(len(wide), max(cell[0], shape[0]), shape[1]):
            # backwards from the pixels of the result: out of the fitted line, then through the maps, the last one first
            x = (origin[part, 0, None, None] + columns - shift[part, 0, None, None]) / scale[part, :, None]
            y = (origin[part, 1, None, None] + lines - shift[part, 1, None, None]) / scale[part, :, None]
            for line_map, parameters in reversed(self.maps):
                x, y = line_map.source(x, y, {name: values[part] for name, values in parameters.items()})
            whole = (len(x), *shape)
            out[part] = remap(sources[part], _on_grid(x, whole) - middle[part], _on_grid(y, whole), self.sharp)
        return out


def _on_grid(positions: Positions, shape: tuple[int, ...]) -> Positions:
    """`positions` broadcast to `shape` and rounded as `remap` rounds them.

    `remap` rounds too late: its positions count from the middle of a cell, whose size depends on the batch. Moved
    there unrounded, they would differ in float32 between batches, and so would the pixels.
    """
    steps = np.multiply(positions, np.float32(SUBPIXELS), out=np.empty(shape, np.float32))
    np.rint(steps, out=steps)
    steps /= np.float32(SUBPIXELS)
    return steps
