"""Maps the glyphs of laid-out lines one by one, so that their boxes stay exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Numbers, of_some
from digitseq.augment.boxes import between
from digitseq.augment.cell_sizes import together
from digitseq.augment.cells import joined, spans_of
from digitseq.augment.draws import round_up
from digitseq.augment.lifts import Drawn, lifted, lifts_only
from digitseq.augment.line import Place
from digitseq.augment.sheets import Positions, fetched, sharpened, sheet_of_columns
from digitseq.composer import GlyphSpans
from digitseq.glyphs.ink_extent import ink_box

POINTS = 5  # on each side of a glyph's box: their targets bound where the glyph will be
FRINGE = 1  # a bilinear fetch spreads ink by up to a pixel
ROUNDING = np.float32(1.5 * 2**17)  # added to a float32 and taken away again, it rounds to 1/64
Mapped = tuple[GlyphSpans, Numbers]  # glyphs after all maps, and where they begin, int64 (N,)


def warp_lines(
    ink: GlyphSpans, x: NDArray[np.int64], width: NDArray[np.int64], height: int, drawn: Drawn, sharp: bool = False
) -> tuple[GlyphSpans, NDArray[np.int64]]:
    """The ink and x (B, n) of lines in images of `width` (B,) and `height`, after all maps in their order.

    A line that would leave its image is moved, and scaled down where it must be, unless one of the maps has
    `allow_clip`: then its ink ends at the image's edges. sharp: see `sharpened`.
    """
    moved = np.any([line_map.changes(parameters) for line_map, parameters in drawn], axis=0)
    rows = np.flatnonzero(moved & ink.width.any(axis=1))
    if not rows.size:
        return ink, x
    lines, half = ink.at(rows), width[rows] / 2
    text, place = np.nonzero(lines.width)  # of each glyph
    prepared = [(line_map, line_map.prepared(half, of_some(parameters, rows))) for line_map, parameters in drawn]
    maps = [(line_map, of_some(parameters, text)) for line_map, parameters in prepared]
    size = np.stack([width[rows[text]], np.full(len(text), height)], axis=1)
    start, wide, top, bottom = (values[text, place] for values in (lines.start, lines.width, lines.top, lines.bottom))
    one = ink._replace(start=start, width=wide, top=top, bottom=bottom)
    glyphs = _Glyphs(one, x[rows[text], place], text, size, maps, sharp)
    made, out = glyphs.mapped(), x.copy()
    for some, (_, left) in made:
        out[rows[text[some]], place[some]] = left
    return ink.replaced(rows, joined([(some, mapped) for some, (mapped, _) in made], lines.width > 0)), out


@dataclass(frozen=True)
class _Glyphs:
    """N glyphs that all move, of lines in images of `size` (N, 2), width and height. Positions are those of line.py.

    text: int64 (N,), the line that each glyph belongs to, from 0 on and ascending; sharp: see `sharpened`
    """

    ink: GlyphSpans
    x: NDArray[np.int64]
    text: NDArray[np.int64]
    size: NDArray[np.int64]
    maps: Drawn
    sharp: bool

    def mapped(self) -> list[tuple[Numbers, Mapped]]:
        """The glyphs after all maps, in groups: their numbers, and what was made of them."""
        low, high = self._targets()
        scale, shift = np.ones((len(low), 1), np.float32), np.zeros((len(low), 2), np.float32)
        if not self._clip:
            scale, shift = self._fit(low, high)
        middle = (self.size - 1) / 2
        origin = np.floor(low * scale + shift + middle).astype(np.int64) - FRINGE
        extent = np.ceil(high * scale + shift + middle).astype(np.int64) + FRINGE + 1 - origin
        # columns that are only moved up or down need no interpolation between columns
        upright = lifts_only(self.maps) & (scale[:, 0] == 1) & (shift[:, 0] == 0)
        made = []
        if upright.any():
            some = np.flatnonzero(upright)
            made.append((some, self._at(some)._lifted(shift[some, 1])))
        others = np.flatnonzero(~upright)
        for group in together(extent[others].T[::-1], np.zeros(len(others), np.int64)) if others.size else ():
            some = others[group]
            made.append((some, self._at(some)._moved(origin[some], extent[some], scale[some], shift[some])))
        return made

    @property
    def _clip(self) -> bool:
        return any(line_map.allow_clip for line_map, _ in self.maps)

    def _at(self, some: Numbers) -> _Glyphs:
        maps = [(line_map, of_some(parameters, some)) for line_map, parameters in self.maps]
        return _Glyphs(self.ink.at(some), self.x[some], self.text[some], self.size[some], maps, self.sharp)

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

    def _lifted(self, shift: NDArray[np.float32]) -> Mapped:
        """The glyphs, all columns of which move up or down, and down by `shift` (N,)."""
        x = (self.x - (self.size[:, 0] - 1) / 2).astype(np.float32)
        made, trimmed = lifted(self.ink, x, shift, self.maps, self.sharp)
        return made, self.x + trimmed

    def _moved(
        self, origin: Numbers, extent: Numbers, scale: NDArray[np.float32], shift: NDArray[np.float32]
    ) -> Mapped:
        """The glyphs, each in a cell with this origin (N, 2), x and y in the image, and at least this extent (N, 2)."""
        shape = (int(extent[:, 0].max()), round_up(int(extent[:, 1].max()), 4))  # turned: columns first
        inks = [self.ink.columns, *([] if self.ink.shapes is None else [self.ink.shapes])]
        each = [np.empty((len(origin), *shape), np.uint8) for _ in inks]
        wide, middle = self.ink.width, (self.size - 1) / 2
        reach = int(wide.max()) // 2 + 2
        sheets = [sheet_of_columns(columns, self.ink.start, wide, np.zeros_like(wide), reach) for columns in inks]
        of_glyph = np.stack([middle[:, 0] - self.x - (wide + 1) // 2 + 0.5, middle[:, 1]])
        for part in sheets[0].slices(shape):
            x, y = self._sources(
                (origin[part] - middle[part]).astype(np.float32), scale[part], shift[part], part, shape
            )
            positions = np.empty((2, part.stop - part.start, *shape), np.float32)
            # rounded first: positions in a sheet depend on the other glyphs, and unrounded ones would differ by that
            for out, place, added in zip(positions, (x, y), of_glyph[:, part]):
                np.add(place, ROUNDING, out=out)
                out -= (ROUNDING - added).astype(np.float32)[:, None, None]
            np.clip(positions[0], -reach, reach, out=positions[0])
            positions[0] += sheets[0].middles(part)[0].astype(np.float32)[:, None, None]
            for sheet, cells in zip(sheets, each):
                fetched(sheet, part, positions, cells[part])
        if self.sharp:
            each = [sharpened(cells, np.ones(len(cells), bool)) for cells in each]
        if self._clip:
            # ink outside the image goes before boxes are taken: they end at its edges
            columns, rows = (between(-origin[:, k], self.size[:, k] - origin[:, k], shape[k]) for k in range(2))
            for cells in each:
                cells &= columns[:, :, None] & rows[:, None, :]
        box = ink_box(each[0])
        # rounding may have put ink a pixel outside
        left = np.clip(origin[:, 0] + box[0], 0, self.size[:, 0] - (box[1] - box[0]))
        return spans_of(each, box, origin[:, 1], self.ink.columns.shape[1]), left

    def _sources(
        self,
        first: Positions,
        scale: NDArray[np.float32],
        shift: NDArray[np.float32],
        part: slice,
        shape: tuple[int, int],
    ) -> Place:
        """Where the pixels come from of the cells of some glyphs whose first pixels are at `first` (n, 2)."""
        # backwards from the pixels of the result: out of the fitted line, then through the maps, the last one first
        x: Positions = np.divide(first[:, :1] + np.arange(shape[0], dtype=np.float32) - shift[:, :1], scale)
        y: Positions = np.divide(first[:, 1:] + np.arange(shape[1], dtype=np.float32) - shift[:, 1:], scale)
        x, y = x[:, :, None], y[:, None, :]
        for line_map, parameters in reversed(self.maps):
            x, y = line_map.source(x, y, of_some(parameters, part))
        return x, y
