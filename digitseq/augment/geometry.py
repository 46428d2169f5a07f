"""Maps of the plane, all glyphs of a batch by one remap over a sheet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Parameters, Pixels, Range, draw_uniform, opencv
from digitseq.streams import Rows

Positions = NDArray[np.float32]

SHEET_ROWS = 32_000  # OpenCV's remap takes pictures of less than 32,768 rows
STEPS = 64  # source positions are rounded to 1/64 pixel: exact in float32 wherever a cell stands on the sheet


@dataclass(frozen=True)
class Rotate:
    """Turn every glyph about its middle, as hands and tilted pages do.

    angle: degrees, counter-clockwise, -180 … 180; p: probability for each glyph.
    """

    angle: Range = (-15.0, 15.0)
    p: float = 1.0
    name: ClassVar[str] = "rotate"
    reach: ClassVar[int] = 1

    def grown(self, height: int, width: int) -> tuple[int, int]:
        turns = np.radians(np.linspace(*self.angle, 361))
        cos, sin = np.abs(np.cos(turns)), np.abs(np.sin(turns))
        return (
            math.ceil((height * cos + width * sin).max()) + 1,
            math.ceil((width * cos + height * sin).max()) + 1,
        )

    def draw(self, rows: Rows, n: int, cell: tuple[int, int]) -> Parameters:
        draws = rows.uniforms("parameters", 2 * n).reshape(-1, 2)
        return {"on": draws[:, 0] < self.p, "angle": draw_uniform(draws[:, 1], self.angle)}

    def apply(self, cells: Pixels, parameters: Parameters) -> Pixels:
        chosen = np.flatnonzero(parameters["on"] & (parameters["angle"] != 0))
        turn = np.radians(parameters["angle"][chosen])[:, None, None]
        y, x = centred_grid(cells.shape[1], cells.shape[2])
        cos, sin = np.cos(turn).astype(np.float32), np.sin(turn).astype(np.float32)
        out = cells.copy()
        out[chosen] = remap(cells[chosen], x * cos - y * sin, x * sin + y * cos)
        return out


def centred_grid(height: int, width: int) -> tuple[Positions, Positions]:
    """y (height, 1) and x (1, width) of every pixel, from the middle of the cell."""
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32((height - 1) / 2)
    x = np.arange(width, dtype=np.float32)[None, :] - np.float32((width - 1) / 2)
    return y, x


def remap(cells: Pixels, x: Positions, y: Positions) -> Pixels:
    """Cells whose pixels are fetched, bilinearly, from x and y: float32 (N, h, w), from the cell's middle.

    x and y are overwritten.

    Fetches from outside a cell's own area give paper as long as its outermost pixels are paper.
    """
    count, height, width = cells.shape
    column = _steps(x, width)
    row = _steps(y, height)
    out = np.empty_like(cells)
    many = max(SHEET_ROWS // height, 1)
    for first in range(0, count, many):
        part = slice(first, min(first + many, count))
        size = part.stop - first
        row[part] += (np.arange(size, dtype=np.float32) * height)[:, None, None]
        sheet = opencv().remap(
            cells[part].reshape(size * height, width),
            column[part].reshape(size * height, width),
            row[part].reshape(size * height, width),
            opencv().INTER_LINEAR,
        )
        out[part] = sheet.reshape(size, height, width)
    return out


def _steps(centred: Positions, size: int) -> Positions:
    """Positions from a cell's middle as positions from its edge, inside the cell, rounded to the grid; in place."""
    centred += np.float32((size - 1) / 2)
    centred *= np.float32(STEPS)
    np.rint(centred, out=centred)
    np.clip(centred, 0, (size - 1) * STEPS, out=centred)
    centred /= np.float32(STEPS)
    return centred
