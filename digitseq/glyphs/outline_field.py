"""How deep each pixel of a glyph lies in its ink: grey values from which a sharp outline can be drawn at any size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FULL = 255
FAINTEST = 38  # strokes whose strongest pixel is fainter than this are not darkened to full ink
ENDS = 3  # rows


def outline_field(cells: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Whole numbers 0 … 255, (N, w, h) as `cells`, of 0 paper … 255 ink; where ink ends, they pass half of 255.

    That is where the grey values of a wide stroke do so. In a stroke, or a gap between two, that is narrower than a
    pixel they do not get that far: they are stretched to full contrast, which gives it about the width that it has.
    """
    count, width, height = cells.shape
    # a pixel of paper around each cell, so that cells do not touch each other, and more rows at both ends
    sheet = np.zeros((count * (width + 2) + 2 * ENDS, height + 2), np.uint8)
    inner = np.s_[:, 1:-1, 1:-1]
    sheet[ENDS:-ENDS].reshape(count, width + 2, height + 2)[inner] = cells
    # the values differ from the plain ones in narrow strokes and gaps only, which are never in the same place
    field = _stretched(sheet)
    field -= sheet[ENDS:-ENDS]
    field += ~_stretched(~sheet)
    return field.astype(np.float32).reshape(count, width + 2, height + 2)[inner]


def _stretched(sheet: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The values over those of their strongest neighbours; without the first and last `ENDS` rows."""
    # moved along the flat array, all neighbours are reached without copies: a row ends where another one begins
    flat, row = sheet.ravel(), sheet.shape[1]
    peak = _combined(_combined(flat, 1, np.maximum), row, np.maximum)
    # weights 1, 2, 1: where a stroke begins, nothing jumps
    smooth = _combined(_combined(peak.astype(np.uint16), 1, np.add), row, np.add)
    surplus = ENDS * row - (len(flat) - len(smooth)) // 2
    # `clip` is faster than `maximum`, which needs no upper bound
    strongest = np.clip(smooth[surplus:-surplus], 16 * FAINTEST, 16 * FULL).astype(np.float32)
    stretched = flat[ENDS * row : -ENDS * row].astype(np.float32)
    stretched *= np.float32(16 * FULL)
    stretched /= strongest
    return stretched.astype(np.uint8).reshape(-1, row)


def _combined(values: NDArray[Any], step: int, combine: Any) -> NDArray[Any]:
    """Each value combined with the ones `step` before and after it, and with itself twice; without those at the ends.

    Two values that are `step` apart are combined, and then two of the results.
    """
    pairs = combine(values[:-step], values[step:])
    both: NDArray[Any] = combine(pairs[:-step], pairs[step:])
    return both
