"""Texts and boxes as lines of JSON."""

from __future__ import annotations

import json
from functools import cache
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from digitseq.pipeline import Batch


def object_lines(batch: Batch) -> list[bytes]:
    """A JSON object with `text` and `objects`, and a newline, for every image."""
    return objects(batch, "", np.zeros((len(batch), 0), np.int64)).splitlines(keepends=True)


def objects(batch: Batch, head: str, values: NDArray[np.int64]) -> bytes:
    """The same as one piece. Each object begins with `head`, whose k places %d get the row of `values`, (B, k).

    `objects` has a `bbox` [x, y, w, h] in pixels and a category for each glyph.
    """
    drawn = batch.classes >= 0
    boxes = batch.boxes[drawn]
    width = len(str(boxes.max(initial=0)))
    rows = {text: row for row, text in enumerate(batch.texts)}
    templates = {text: _template(text, drawn[row], head, width) for text, row in rows.items()}
    # formatting all lines at once takes a third of the time of one line after the other, and boxes are written in half
    # the time as digits in places of one width, from which NumPy and then `translate` leave nothing but the numbers
    lines = b"".join([templates[text] for text in batch.texts]) % tuple(values.ravel().tolist())
    filled = np.frombuffer(bytearray(lines), np.uint8)
    filled[filled == 0] = _digits(width).take(boxes, axis=0).ravel()
    return filled.tobytes().translate(None, b"\0")


@cache
def _digits(width: int) -> NDArray[np.uint8]:
    """uint8 (10^width, width): the numbers of up to `width` digits in ASCII, with zero bytes before them."""
    place = 10 ** np.arange(width - 1, -1, -1)
    left = np.arange(10**width)[:, None] // place
    return np.where((left > 0) | (place == 1), left % 10 + ord("0"), 0).astype(np.uint8)


def _template(text: str, drawn: NDArray[np.bool_], head: str, width: int) -> bytes:
    """The line for `text`, with %d for the numbers in `head`, and `width` zero bytes for each number of a box.

    drawn: which characters have a glyph
    """
    if text.isascii() and text.isalnum():  # nothing to escape, no gaps
        shown, quoted, categories = text, f'"{text}"', '["' + '", "'.join(text) + '"]'
    else:
        shown = "".join(compress(text, drawn))
        quoted, categories = (json.dumps(value).replace("%", "%%") for value in (text, list(shown)))
    number = "\0" * width
    box = ", ".join([f"[{number}, {number}, {number}, {number}]"] * len(shown))
    return f'{{{head}"text": {quoted}, "objects": {{"bbox": [{box}], "categories": {categories}}}}}\n'.encode()
