"""How deep each pixel of a glyph lies in its ink: grey values from which a sharp outline can be drawn at any size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FULL = 255
FAINTEST = 38  # strokes whose strongest pixel is fainter than this are not darkened to full ink


def outline_field(cells: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Whole numbers 0 … 255, (N, w, h) as `cells`, of 0 paper … 255 ink; where ink ends, they pass half of 255.

    That is where the grey values of a wide stroke do so. In a stroke, or a gap between two, that is narrower than a
    pixel they do not get that far: they are stretched to full contrast, which gives it about the width that it has.
    """
    count, width, height = cells.shape
    # a pixel of paper around each cell, so that cells do not touch each other, and a row more at both ends
    sheet = np.zeros((count * (width + 2) + 2, height + 2), np.uint8)
    inner = np.s_[:, 1:-1, 1:-1]
    sheet[1:-1].reshape(count, width + 2, height + 2)[inner] = cells
    field = _stretched(sheet)
    # differs from the plain values in narrow strokes and gaps only, which are never in the same place
    field -= _stretched(~sheet)
    field -= sheet
    field += np.float32(FULL)
    return field[1:-1].reshape(count, width + 2, height + 2)[inner]


def _stretched(sheet: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The values over those of their strongest neighbours, whole numbers; not so in the outermost rows."""
    # moved along the flat array, all neighbours are reached without copies: a row ends where another one begins
    flat, row = sheet.ravel(), sheet.shape[1]
    peak = _combined(_combined(flat, 1, np.maximum), row, np.maximum)
    # weights 1, 2, 1: where a stroke begins, nothing jumps
    smooth = _combined(_combined(peak.astype(np.uint16), 1, np.add), row, np.add)
    strongest = np.maximum(smooth, 16 * FAINTEST).astype(np.float32)
    stretched = flat.astype(np.float32)
    stretched *= np.float32(16 * FULL)
    stretched /= strongest
    return np.floor(stretched, out=stretched).reshape(sheet.shape)


def _combined(values: NDArray[Any], step: int, combine: Any) -> NDArray[Any]:
    """Each value combined with the ones `step` before and after it, and itself once more; the ends stay."""
    out = values.copy()
    inner = out[step:-step]
    for neighbour in (values[step:-step], values[: -2 * step], values[2 * step :]):
        combine(inner, neighbour, out=inner)
    return out
