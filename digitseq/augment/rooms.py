"""How much room each glyph needs in each stage of a chain of operations, and which glyphs are worked on together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import GlyphOperation, Parameters
from digitseq.augment.draws import round_up
from digitseq.augment.maps import HARDLY, SPREAD, GlyphMap, MapRun, Offsets
from digitseq.composer import FEW

Numbers = NDArray[np.int64]
Box = NDArray[np.float64]  # (2, 2, N): lowest and highest x and y
CACHED_PIXELS = 1 << 19
MOST = 1024  # glyphs of a group


@dataclass(frozen=True)
class Stage:
    """Maps in a row, and the operations on cells after them: their numbers in the chain."""

    maps: list[int]
    operations: list[int]


@dataclass(frozen=True)
class Room:
    """What N glyphs need in a stage.

    run: of the stage's maps, if it has any; offset: of the windows after it, see maps.py
    size: int64 (2, N), height and width of the cells, even
    """

    run: MapRun | None
    offset: Offsets
    size: Numbers

    def cell(self, some: Numbers) -> tuple[int, int]:
        """Height and width of cells for some of the glyphs; the width is a multiple of four, for `ink_box`."""
        height, width = self.size[:, some].max(axis=1)
        return int(height), round_up(int(width), 4)


def stages_of(operations: Sequence[GlyphOperation]) -> list[Stage]:
    """The operations in stages, in their order."""
    stages = [Stage([], [])]
    for k, operation in enumerate(operations):
        if isinstance(operation, GlyphMap):
            if stages[-1].operations:
                stages.append(Stage([], []))
            stages[-1].maps.append(k)
        else:
            stages[-1].operations.append(k)
    return stages


def rooms(
    stages: Sequence[Stage], operations: Sequence[GlyphOperation], parameters: Sequence[Parameters], box: Box
) -> list[Room]:
    """The room in each stage of glyphs with ink in `box`, from the middle of each."""
    count = box.shape[2]
    offset, found = np.zeros((count, 2), np.int64), []
    for stage in stages:
        run = None
        if stage.maps:
            run = MapRun.of([(operations[k], parameters[k]) for k in stage.maps], count)  # type: ignore[misc]
            box = run.box(box)
            middle = np.rint(box.mean(axis=0)).astype(np.int64).T
            offset = np.where(run.moved[:, None], middle, offset)
        beyond = np.maximum(offset.T - box[0], box[1] - offset.T)
        half = np.ceil(beyond - (SPREAD - HARDLY)).astype(np.int64)[::-1]
        grown = 2 * half
        for k in stage.operations:
            grown = operations[k].room(grown, parameters[k])
        more = (grown + 1) // 2 - half
        box = box + np.stack([-more, more])[:, ::-1]
        # paper around the ink keeps glyphs apart
        margin = 1 + max((operations[k].reach for k in stage.operations), default=-1)
        found.append(Room(run, offset, 2 * (half + more + margin)))
    return found


def together(size: Numbers, kind: Numbers) -> Iterator[Numbers]:
    """Glyphs with cells of `size` (2, N) in groups of about the same size, and the same `kind` (N,).

    Groups are so small that their cells stay in the processor's cache.
    """
    count = len(kind)
    if count <= FEW:
        yield np.arange(count)
        return
    height, width = size[0], round_up(size[1], 4)
    order = np.lexsort([height, width, kind])[::-1]
    height, width, kind = height[order], width[order], kind[order]
    first = 0
    while first < count:
        tall, wide = (np.maximum.accumulate(each[first : first + MOST]) for each in (height, width))
        number = np.arange(1, len(tall) + 1)
        fits = number * tall * wide <= CACHED_PIXELS
        alike = kind[first : first + MOST] == kind[first]
        last = first + max(int(np.count_nonzero(fits & alike)), 1)
        yield order[first:last]
        first = last


def kinds(found: Sequence[Room]) -> Numbers:
    """int64 (N,): different numbers for glyphs that are not moved or not displaced in the same stages."""
    kind = np.zeros(found[0].size.shape[1], np.int64)
    for room in found:
        if room.run is not None:
            kind = 3 * kind + room.run.moved + room.run.displaced
    return kind
