"""Runs glyph operations over all glyphs of a batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import GlyphOperation, Numbers, Outline, Parameters, Picked, Pixels
from digitseq.augment.boxes import outlines
from digitseq.augment.cell_sizes import StageCells, kinds, stage_cells, stages_of, together
from digitseq.augment.cells import cut_cells, joined, resized, spans_of
from digitseq.augment.draws import round_up
from digitseq.augment.maps import GlyphMap, MapRun, identity, moved, moved_cells
from digitseq.augment.sheets import sheet_of_columns
from digitseq.composer import GlyphSpans
from digitseq.glyphs.glyph_columns import GlyphColumns
from digitseq.glyphs.ink_extent import ink_box
from digitseq.glyphs.pen_bank import AnyBank, PenBank
from digitseq.random_streams import Rows


class GlyphChain:
    """Cuts glyphs out of the bank into cells, runs the operations, and trims the results to ink again.

    Every cell has room for the ink of its glyph under the parameters that are drawn for it, so that no operation
    clips any.
    """

    def __init__(self, operations: Sequence[GlyphOperation], bank: AnyBank) -> None:
        self.operations, self.bank = operations, bank
        self._stages = stages_of(operations)
        self._tall = bank.tallest
        height, width = self._tall, bank.widest
        self._sharp = bank.factor > 1 or isinstance(bank, PenBank)
        for operation in operations:  # ink may grow and shrink again: cells hold it at its largest
            height, width = map(max, operation.grown(height, width), (height, width))
        # all sizes of cells are even: a turn by 90° maps pixels exactly to pixels
        self._cell = (round_up(height + 2, 2), round_up(width + 2, 2))

    @property
    def max_width(self) -> int:
        """The largest width of any distorted glyph, in pixels."""
        return self._cell[1]

    @property
    def cell_pixels(self) -> int:
        """Number of pixels of the largest cell there can be."""
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
        drawn = [
            Picked(operation.draw(rows.scoped(f"{k}:{operation.name}"), there.shape[1], self._cell), present)
            for k, operation in enumerate(self.operations)
        ]
        found = stage_cells(self._stages, self.operations, drawn, self._box(glyphs))
        shapes = shapes and any(operation.specks for operation in self.operations)
        made = []
        for some in together(np.max([needed.size for needed in found], axis=0), kinds(found)):
            part = GlyphColumns(glyphs.columns, *(values[some] for values in glyphs[1:]))
            each = [Picked(parameters, some) for parameters in drawn]
            layers, first_row = self._distorted(part, each, found, some, shapes)
            layers, box = self._fit_height(layers)
            made.append((some, spans_of(layers, box, first_row, self.bank.height)))
        return joined(made, there)

    def _box(self, glyphs: GlyphColumns) -> NDArray[np.float64]:
        """float64 (2, 2, N): lowest and highest x and y of ink, from the middles of glyphs."""
        wide, middle = glyphs.width.astype(np.int64), self._middle_row(glyphs)
        return np.array([[-((wide + 1) // 2), glyphs.top - middle], [wide // 2, glyphs.bottom - middle]], np.float64)

    def _first_row(self, glyphs: GlyphColumns) -> Numbers:
        """int64 (N,): the first of the rows in the middle of which a glyph's middle is."""
        return np.minimum(glyphs.top.astype(np.int64), self.bank.height - self._tall)

    def _middle_row(self, glyphs: GlyphColumns) -> Numbers:
        return self._first_row(glyphs) + (self._tall + 1) // 2

    def _distorted(
        self,
        glyphs: GlyphColumns,
        drawn: Sequence[Parameters],
        found: Sequence[StageCells],
        some: Numbers,
        shapes: bool,
    ) -> tuple[list[Pixels], Numbers]:
        """Turned cells (N, w, h) of some of the glyphs after all operations, and the image row of each one's first row.

        With `shapes`, from the first operation on that adds specks, the same cells without specks go second.
        """
        layers: list[Pixels] = []
        offset = np.zeros((len(some), 2), np.int64)
        for stage, needed in zip(self._stages, found):
            size, before, offset = needed.cell(some), offset, needed.offset[some]
            run = needed.run.at(some) if needed.run is not None and needed.run.moved[some].any() else None
            if not layers:
                layers = [self._cut(glyphs, run, size, offset)]
            elif run is not None:
                layers = [moved_cells(cells, run, self._sharp, size, offset, before) for cells in layers]
            else:
                layers = [resized(cells, size[::-1]) for cells in layers]
            for k in stage.operations:
                operation = self.operations[k]
                if shapes and operation.specks:
                    layers = [operation.apply(layers[0], drawn[k]), layers[-1]]
                else:
                    layers = [operation.apply(cells, drawn[k]) for cells in layers]
        return layers, self._middle_row(glyphs) + offset[:, 1] - layers[0].shape[2] // 2

    def _cut(
        self, glyphs: GlyphColumns, run: MapRun | None, size: tuple[int, int], offset: NDArray[np.int64]
    ) -> Pixels:
        """Turned cells of `size` with the glyphs, after the maps of `run`; its offsets are those of `moved`."""
        columns, start, wide = glyphs.columns, glyphs.start, glyphs.width.astype(np.int64)
        if run is None:
            return cut_cells(columns, start, wide, (self._first_row(glyphs), self._tall), size)
        reach = float(run.reach(size, offset)[0].max())
        sheet = sheet_of_columns(columns, start, wide, self._middle_row(glyphs), reach)
        return moved(sheet, run, self._sharp, size, offset)

    def _fit_height(self, layers: list[Pixels]) -> tuple[list[Pixels], Numbers]:
        """Cells in which ink taller than an image is scaled down to its height, and the boxes of the first layer's."""
        cells = layers[0]
        left, right, top, bottom = box = ink_box(cells)
        tall = bottom - top > self.bank.height
        if not tall.any():
            return layers, box
        maps = identity(len(cells))
        # a pixel less than the height: interpolation spreads ink by up to half a pixel on either side
        scale = np.where(tall, (bottom - top) / (self.bank.height - 1), 1)
        maps[:, [0, 1], [0, 1]] = scale[:, None]
        maps[:, 0, 2] = ((left + right) / 2 - cells.shape[1] / 2) * tall
        maps[:, 1, 2] = ((top + bottom) / 2 - cells.shape[2] / 2) * tall
        run = MapRun(maps, [], tall, np.zeros(len(cells), bool))
        fitted = [moved_cells(cells, run, self._sharp) for cells in layers]
        return fitted, ink_box(fitted[0])


def _size(points: Outline) -> NDArray[np.float64]:
    """float64 (N, 2): width and height of outlines."""
    size: NDArray[np.float64] = points.max(axis=2) - points.min(axis=2) + 1
    return size
