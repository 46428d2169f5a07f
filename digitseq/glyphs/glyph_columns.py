"""Glyphs as columns of pixels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class GlyphColumns(NamedTuple):
    """Glyphs as columns of pixels.

    columns: uint8 (T, height); start, width, top, bottom: integers (N,): the ink of glyph g is in
    columns[start[g] : start[g] + width[g]] and in rows top[g] … bottom[g]-1
    """

    columns: NDArray[np.uint8]
    start: NDArray[Any]
    width: NDArray[Any]
    top: NDArray[Any]
    bottom: NDArray[Any]
