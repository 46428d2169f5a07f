"""Augmentation: several operations, each at its level, run over a batch."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import GlyphOperation, ImageOperation, Images, Operation, Pixels, opencv
from digitseq.augment.chain import GlyphChain
from digitseq.augment.line import LineMap
from digitseq.augment.registry import parse_augment
from digitseq.augment.warp import warp_lines
from digitseq.composer import GlyphSpans
from digitseq.glyphs.pen_bank import AnyBank
from digitseq.random_streams import Rows


class Augmentation:
    """Operations in the order in which they run: those on glyphs, then maps of the line, then those on images.

    Within a level they run in the order given. An operation may occur several times. Takes what
    `parse_augment` takes.

    enlargement: height of the images over MNIST's: lengths of operations, in pixels, are multiplied by it
    sharp: whether the glyphs have edges that are one pixel wide; they stay so when lines are moved
    """

    def __init__(
        self, operations: str | Operation | Iterable[str | Operation], enlargement: float = 1, sharp: bool = False
    ) -> None:
        self._sharp = sharp
        self.operations = tuple(operation.enlarged(enlargement) for operation in parse_augment(operations))
        if self.operations:
            opencv()  # where it is missing, say so before anything is written
        self._glyph = [o for o in self.operations if isinstance(o, GlyphOperation)]
        self._line = [o for o in self.operations if isinstance(o, LineMap)]
        self._image = [o for o in self.operations if isinstance(o, ImageOperation)]

    @property
    def maps_lines(self) -> bool:
        """Whether whole lines are moved, so that boxes may overlap."""
        return bool(self._line)

    def glyph_chain(self, bank: AnyBank) -> GlyphChain | None:
        """The operations on glyphs of `bank`, or None where there are none."""
        return GlyphChain(self._glyph, bank) if self._glyph else None

    def warp(
        self, ink: GlyphSpans, x: NDArray[np.int64], width: NDArray[np.int64], size: tuple[int, int], rows: Rows
    ) -> tuple[GlyphSpans, NDArray[np.int64]]:
        """The ink and x (B, n) of lines in images of `width` (B,), after all maps; `size` as in `draw`."""
        # numbered scopes: an operation that occurs twice draws different numbers
        drawn = [(o, o.draw(rows.scoped(f"line {k}:{o.name}"), size)) for k, o in enumerate(self._line)]
        return warp_lines(ink, x, width, size[0], drawn, self._sharp)

    def paint(
        self,
        pixels: Pixels,
        width: NDArray[np.int64],
        boxes: NDArray[np.int64],
        inverted: bool,
        size: tuple[int, int],
        rows: Rows,
    ) -> Pixels:
        """The pixels (B, H, W) after all operations on images; arguments as in `Images` and `draw`."""
        if not self._image:
            return pixels
        images = Images(np.ascontiguousarray(pixels), width, boxes, inverted)
        for k, operation in enumerate(self._image):
            images = operation.apply(images, operation.draw(rows.scoped(f"image {k}:{operation.name}"), size))
        return images.pixels
