"""Runs glyph operations over all glyphs of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import GlyphOperation, Outline, Parameters, Pixels
from digitseq.augment.boxes import ink_box, outlines
from digitseq.augment.cells import cut_cells, spans_of
from digitseq.augment.draws import round_up
from digitseq.augment.maps import GlyphMap, apply_maps, identity, moved_cells
from digitseq.composer import GlyphSpans
from digitseq.glyphs.pen_bank import AnyBank, PenBank
from digitseq.glyphs.scaling import GlyphColumns
from digitseq.random_streams import Rows


class GlyphChain:
    """Cuts glyphs out of the bank into cells, runs the operations, and trims the results to ink again.

    Cells are as large as the largest ink that can come out, so that no operation clips any.
    """

    def __init__(self, operations: Sequence[GlyphOperation], bank: AnyBank) -> None:
        self.operations, self.bank = operations, bank
        self._tall = bank.tallest
        height, width = self._tall, bank.widest
        self._sharp = bank.factor > 1 or isinstance(bank, PenBank)
        for operation in operations:  # ink may grow and shrink again: cells hold it at its largest
            height, width = map(max, operation.grown(height, width), (height, width))
        margin = 1 + max(operation.reach for operation in operations)
        # with both sizes even, a turn by 90° maps pixels exactly to pixels; `ink_box` reads eight columns at a time
        self._cell = (round_up(height + 2 * margin, 2), round_up(width + 2 * margin, 8))

    @property
    def max_width(self) -> int:
        """The largest width of any distorted glyph, in pixels."""
        return self._cell[1]

    @property
    def cell_pixels(self) -> int:
        """Number of pixels of a cell."""
        return self._cell[0] * self._cell[1]

    def widths(self, glyph: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 (N,): estimated widths of glyphs (N,) of the bank, each distorted with random parameters, in pixels.

        Rather too low than too high. Only outlines are distorted: nothing is rendered.
        """
        assert not isinstance(self.bank, PenBank)  # what a pen writes has no width before it is written
        points, rows = outlines(self.bank, glyph), Rows.span(0, 0, 1)
        fringe = np.zeros(len(glyph))
        for k, operation in enumerate(self.operations):
            before = _size(points)
            points = operation.outline(points, rows.scoped(f"{k}:{operation.name}"))
            if isinstance(operation, GlyphMap):
                # interpolation spreads ink by up to a pixel of the original size
                changed = np.abs((_size(points) - before + 0.5) % 1 - 0.5).max(axis=1) > 1e-6
                spread = np.minimum((_size(points) / before).min(axis=1), 1)
                fringe = np.maximum(fringe, np.where(changed, spread, 0))
        width, height = _size(points).T
        width += fringe
        fitted = np.where(height > self.bank.height, (self.bank.height - 1) / height, 1)  # as `_fit_height` does
        whole: NDArray[np.int64] = np.maximum(np.floor(width * fitted), 1).astype(np.int64)
        return whole

    def ink(self, glyphs: GlyphColumns, there: NDArray[np.bool_], rows: Rows, shapes: bool = False) -> GlyphSpans:
        """The distorted ink of glyphs, one for each place of texts where `there` (B, n) is true.

        rows: gives the parameters; shapes: make those of `GlyphSpans`, too, if an operation adds specks
        """
        present = np.flatnonzero(there)
        if not present.size:
            return GlyphSpans(np.zeros((1, self.bank.height), np.uint8), *np.zeros((4, *there.shape), np.int64))
        cells, above = self._cut(glyphs)
        clean = None  # the same cells without specks, from the first operation on that adds any
        maps: list[tuple[GlyphMap, Parameters]] = []  # consecutive maps share one interpolation
        for k, operation in enumerate(self.operations):
            drawn = operation.draw(rows.scoped(f"{k}:{operation.name}"), there.shape[1], self._cell)
            parameters = drawn if len(present) == there.size else {k: v[present] for k, v in drawn.items()}
            if isinstance(operation, GlyphMap):
                maps.append((operation, parameters))
            else:
                cells, clean = (
                    apply_maps(cells, maps, self._sharp),
                    clean if clean is None else apply_maps(clean, maps, self._sharp),
                )
                if shapes and operation.specks:
                    clean = cells if clean is None else clean
                elif clean is not None:
                    clean = operation.apply(clean, parameters)
                cells = operation.apply(cells, parameters)
                maps = []
        cells, clean = (
            apply_maps(cells, maps, self._sharp),
            clean if clean is None else apply_maps(clean, maps, self._sharp),
        )
        cells, clean, box = self._fit_height(cells, clean)
        spans = spans_of(cells, box, above, self.bank.height, present, there.shape)
        if clean is None:
            return spans
        return replace(spans, shapes=spans_of(clean, box, above, self.bank.height, present, there.shape).columns)

    def _cut(self, glyphs: GlyphColumns) -> tuple[Pixels, NDArray[np.int64]]:
        """Cells (N, h, w) with the glyphs in the middle, and the image row of each cell's first row."""
        columns, start, wide, top, _ = glyphs
        top = np.minimum(top, self.bank.height - self._tall)
        cells = cut_cells(columns, start, wide, (top, self._tall), self._cell)
        return cells, top - (self._cell[0] - self._tall) // 2

    def _fit_height(self, cells: Pixels, clean: Pixels | None) -> tuple[Pixels, Pixels | None, NDArray[np.int64]]:
        """Cells in which ink taller than an image is scaled down to its height, and the boxes of their ink.

        clean: cells without specks, scaled as the others
        """
        left, right, top, bottom = box = ink_box(cells)
        tall = np.flatnonzero(bottom - top > self.bank.height)
        if not tall.size:
            return cells, clean, box
        maps = identity(len(cells))
        # a pixel less than the height: interpolation spreads ink by up to half a pixel on either side
        maps[:, [0, 1], [0, 1]] = ((bottom - top) / (self.bank.height - 1))[:, None]
        maps[:, 0, 2] = (left + right) / 2 - self._cell[1] / 2
        maps[:, 1, 2] = (top + bottom) / 2 - self._cell[0] / 2
        out = moved_cells(cells, tall, [maps], self._sharp)
        return out, clean if clean is None else moved_cells(clean, tall, [maps], self._sharp), ink_box(out)


def _size(points: Outline) -> NDArray[np.float64]:
    """float64 (N, 2): width and height of outlines."""
    size: NDArray[np.float64] = points.max(axis=2) - points.min(axis=2) + 1
    return size
