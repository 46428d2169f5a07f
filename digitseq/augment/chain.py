"""Runs the glyph operations of the settings over all glyphs of a batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digitseq import settings as defaults
from digitseq.augment.base import GlyphOperation, Pixels, Range, opencv
from digitseq.augment.boxes import ink_box
from digitseq.augment.geometry import Rotate, centred_grid, remap
from digitseq.augment.intensity import Noise
from digitseq.augment.morphology import Dilate, Erode
from digitseq.composer import Ink, column_runs
from digitseq.glyphs import GlyphBank
from digitseq.settings import Settings
from digitseq.streams import Rows


def glyph_chain(settings: Settings, bank: GlyphBank) -> GlyphChain:
    """The chain that -da, -ra, -e, -d, -a and -n stand for."""
    s = settings
    p = 0.5 if s.random_all else 1.0
    operations: list[GlyphOperation] = []
    if s.data_augmentation or s.erode_kernel:
        operations.append(Erode(*_kernel(s.erode_kernel, defaults.ERODE_KERNEL, s.random_all), p))
    if s.data_augmentation or s.dilate_kernel:
        operations.append(Dilate(*_kernel(s.dilate_kernel, defaults.DILATE_KERNEL, s.random_all), p))
    if s.data_augmentation or s.angle is not None:
        operations.append(Rotate(defaults.ANGLE if s.angle is None else (s.angle, s.angle), p))
    if s.data_augmentation or s.noise_ratio is not None:
        ratio = s.noise_ratio
        operations.append(Noise(defaults.NOISE_RATIO if ratio is None else (ratio, ratio), p))
    return GlyphChain(operations, bank)


def _kernel(given: tuple[int, int] | None, default: tuple[int, int], random: bool) -> tuple[Range, Range]:
    if given is None and random:
        return defaults.RANDOM_KERNEL, defaults.RANDOM_KERNEL
    width, height = given or default
    return (width, width), (height, height)


class GlyphChain:
    """Cuts glyphs out of the bank into cells, runs the operations, and trims the results to ink again.

    A cell is as large as the largest ink that can come out, so that no operation ever loses any.
    """

    def __init__(self, operations: Sequence[GlyphOperation], bank: GlyphBank) -> None:
        opencv()  # where it is missing, say so before anything is written
        self.operations, self.bank = operations, bank
        self._tall = int((bank.bottom - bank.top).max())
        height, width = self._tall, int(bank.width.max())
        for operation in operations:
            height, width = operation.grown(height, width)
        margin = 1 + max(operation.reach for operation in operations)
        # an even height and width turn into each other exactly; boxes are found by eight columns at a time
        self._cell = (_round_up(height + 2 * margin, 2), _round_up(width + 2 * margin, 8))

    @property
    def max_width(self) -> int:
        """No glyph that comes out is wider than this, in pixels."""
        return self._cell[1]

    @property
    def cell_pixels(self) -> int:
        """Pixels of the cell in which one glyph is worked on."""
        return self._cell[0] * self._cell[1]

    def ink(self, glyph: NDArray[np.int64], rows: Rows) -> Ink:
        """The distorted ink of glyphs (B, n) of the bank, with the parameters of `rows`."""
        flat = glyph.ravel()
        cells, above = self._cut(flat)
        for place, operation in enumerate(self.operations):
            parameters = operation.draw(rows.scoped(f"{place}:{operation.name}"), glyph.shape[1], self._cell)
            cells = operation.apply(cells, parameters)
        return self._trim(self._fit_height(cells), above, glyph.shape)

    def _cut(self, glyph: NDArray[np.int64]) -> tuple[Pixels, NDArray[np.int64]]:
        """Cells (N, h, w) with the glyphs in the middle, and the image row of each cell's first row."""
        bank, (height, width) = self.bank, self._cell
        top = np.minimum(bank.top[glyph], bank.height - self._tall).astype(np.int64)
        wide = bank.width[glyph].astype(np.int64)
        into = np.arange(len(glyph)) * width + (width - wide) // 2
        source, place = column_runs(bank.start[glyph], into, wide)
        upper = (height - self._tall) // 2
        columns = bank.columns.take(source, axis=0, mode="clip")
        turned = np.zeros((len(glyph) * width, height), np.uint8)
        owner = np.repeat(top, wide)
        for shift in np.unique(top):
            chosen = owner == shift
            turned[place[chosen], upper : upper + self._tall] = columns[chosen, shift : shift + self._tall]
        cells = turned.reshape(len(glyph), width, height).transpose(0, 2, 1)
        return np.ascontiguousarray(cells), top - upper

    def _fit_height(self, cells: Pixels) -> Pixels:
        """Cells in which ink taller than an image is scaled down to its height."""
        if self._cell[0] <= self.bank.height:
            return cells
        box = ink_box(cells)
        tall = np.flatnonzero(box.bottom - box.top > self.bank.height)
        if not tall.size:
            return cells
        # a pixel less than the height, as bilinear fetches spread the ink by up to half of one on either side
        factor = ((box.bottom - box.top)[tall] / (self.bank.height - 1)).astype(np.float32)[:, None, None]
        y, x = centred_grid(*self._cell)
        middle_y = ((box.top + box.bottom)[tall] / 2 - self._cell[0] / 2).astype(np.float32)[:, None, None]
        middle_x = ((box.left + box.right)[tall] / 2 - self._cell[1] / 2).astype(np.float32)[:, None, None]
        out = cells.copy()
        whole = np.zeros((len(tall), *self._cell), np.float32)
        out[tall] = remap(cells[tall], whole + x * factor + middle_x, whole + y * factor + middle_y)
        return out

    def _trim(self, cells: Pixels, above: NDArray[np.int64], shape: tuple[int, ...]) -> Ink:
        """The cells' columns at the height of an image, shifted up or down where ink would stick out."""
        count, (height, width) = len(cells), self._cell
        box = ink_box(cells)
        image_height = self.bank.height
        top = np.clip(box.top + above, 0, image_height - (box.bottom - box.top))
        shift = top - box.top
        columns = np.zeros((count, width, image_height), np.uint8)
        turned = cells.transpose(0, 2, 1)
        for step in np.unique(shift):
            chosen = np.flatnonzero(shift == step)
            first, last = max(-step, 0), min(image_height - step, height)
            columns[chosen, :, first + step : last + step] = turned[chosen, :, first:last]
        return Ink(
            columns.reshape(count * width, image_height),
            (np.arange(count) * width + box.left).reshape(shape),
            (box.right - box.left).reshape(shape),
            top.reshape(shape),
            (top + box.bottom - box.top).reshape(shape),
        )


def _round_up(size: int, step: int) -> int:
    return -(-size // step) * step
