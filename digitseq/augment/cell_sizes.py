"""How large a cell each glyph needs in each stage of a chain of operations, and which glyphs are worked on together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import GlyphOperation, Numbers, Parameters
from digitseq.augment.draws import round_up
from digitseq.augment.maps import HARDLY, SPREAD, GlyphMap, MapRun, Offsets
from digitseq.composer import FEW

Box = NDArray[np.float64]  # (2, 2, N): lowest and highest x and y
CACHED_PIXELS = 1 << 19
WORTH = 1 << 16  # pixels of cells that are worth the calls of another group


@dataclass(frozen=True)
class Stage:
    """Maps in a row, and the operations on cells after them: their numbers in the chain."""

    maps: list[int]
    operations: list[int]


@dataclass(frozen=True)
class StageCells:
    """What N glyphs need in a stage.

    run: of the stage's maps, if it has any; offset: of the windows after it, see maps.py
    size: int64 (2, N), height and width of the cells, even
    """

    run: MapRun | None
    offset: Offsets
    size: Numbers

    def cell(self, some: Numbers) -> tuple[int, int]:
        """Height and width of cells for some of the glyphs; the height is a multiple of four, for `ink_box`."""
        height, width = self.size[:, some].max(axis=1)
        return round_up(int(height), 4), int(width)


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


def stage_cells(
    stages: Sequence[Stage], operations: Sequence[GlyphOperation], parameters: Sequence[Parameters], box: Box
) -> list[StageCells]:
    """The cells in each stage of glyphs with ink in `box`, from the middle of each."""
    count = box.shape[2]
    offset, found = np.zeros((count, 2), np.int64), []
    for stage in stages:
        run = None
        if stage.maps:
            # `stages_of` has put nothing but maps there
            run = MapRun.of([(operations[k], parameters[k]) for k in stage.maps], count)  # type: ignore[misc]
            box = run.box(box)
            middle = np.rint(box.mean(axis=0)).astype(np.int64).T
            offset = np.where(run.moved[:, None], middle, offset)
        beyond = np.maximum(offset.T - box[0], box[1] - offset.T)
        half = np.ceil(beyond - (SPREAD - HARDLY)).astype(np.int64)[::-1]
        grown = 2 * half
        for k in stage.operations:
            grown = operations[k].grown_size(grown, parameters[k])
        more = (grown + 1) // 2 - half
        box = box + np.stack([-more, more])[:, ::-1]
        # paper around the ink keeps glyphs apart
        margin = 1 + max((operations[k].reach for k in stage.operations), default=-1)
        found.append(StageCells(run, offset, 2 * (half + more + margin)))
    return found


def together(size: Numbers, kind: Numbers) -> Iterator[Numbers]:
    """Glyphs with cells of `size` (2, N) in groups of about the same size, and the same `kind` (N,).

    Groups are so small that their cells stay in the processor's cache.
    """
    count = len(kind)
    if count <= FEW:
        yield np.arange(count)
        return
    # few different sizes, so that there is little to look at
    step = 4 * max(int(size.max()) // 64, 1)
    tall, wide = -(-size[0] // step), -(-size[1] // step)
    shape = (int(kind.max()) + 1, int(tall.max()) + 1, int(wide.max()) + 1)
    sort = np.ravel_multi_index((kind, tall, wide), shape)
    number = np.bincount(sort)
    of_type, height, width = np.unravel_index(np.arange(len(number)), shape)
    height, width = height * step, width * step
    there = np.flatnonzero(number)
    groups = [part for k in np.unique(kind) for part in _split(there[of_type[there] == k], height, width, number)]
    group_of = np.zeros(len(number), np.uint16)
    for k, types in enumerate(groups):
        group_of[types] = k
    group = group_of[sort]
    order = np.argsort(group, kind="stable")  # of small numbers: in linear time
    ends = np.bincount(group, minlength=len(groups)).cumsum().tolist()
    for types, begin, end in zip(groups, [0, *ends], ends):
        most = max(CACHED_PIXELS // int(height[types].max() * width[types].max()), 1)
        for first_one in range(begin, end, most):
            yield order[first_one : min(first_one + most, end)]


def _split(types: Numbers, height: Numbers, width: Numbers, number: Numbers) -> list[Numbers]:
    """Types of cells, of which there are so many of each, in groups: more of them where that saves enough pixels."""
    best, found = int(number[types].sum() * height[types].max() * width[types].max()) - WORTH, None
    for sizes in (height, width) if len(types) > 1 else ():
        order = types[np.argsort(sizes[types])]
        tall, wide, count = height[order], width[order], number[order].cumsum()
        lower = count * np.maximum.accumulate(tall) * np.maximum.accumulate(wide)
        upper = np.maximum.accumulate(tall[::-1])[::-1] * np.maximum.accumulate(wide[::-1])[::-1]
        pixels = lower[:-1] + (count[-1] - count[:-1]) * upper[1:]
        k = int(pixels.argmin())
        if pixels[k] < best:
            best, found = int(pixels[k]), (order[: k + 1], order[k + 1 :])
    if found is None:
        return [types]
    return [group for part in found for group in _split(part, height, width, number)]


def kinds(found: Sequence[StageCells]) -> Numbers:
    """int64 (N,): different numbers for glyphs that are not moved or not displaced in the same stages."""
    kind = np.zeros(found[0].size.shape[1], np.int64)
    for needed in found:
        if needed.run is not None:
            kind = 3 * kind + needed.run.moved + needed.run.displaced
    return kind
