"""The contact sheet of a data set: samples with their labels and boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import opencv
from digitseq.inspection.findings import Shown

SCALE = 2  # of the pixels; boxes lie between the enlarged ones
CAPTION = 18  # pixels below each sample
MARGIN = 6
WIDTH = 1280  # of the sheet, unless one sample is wider
MOST_PIXELS, MOST_LETTERS = 1000, 100  # of a sample that are shown
PAPER, TEXT = (255, 255, 255), (40, 40, 40)
COLOURS = [(214, 96, 32), (40, 140, 40), (40, 60, 220), (170, 40, 160)]  # blue, green, red, purple, as OpenCV has it


def contact_sheet(samples: list[Shown]) -> NDArray[np.uint8]:
    """A picture of the samples, uint8 (H, W, 3), in OpenCV's order of colours."""
    tiles = [_tile(sample) for sample in samples]
    rows: list[list[NDArray[np.uint8]]] = []
    used = WIDTH
    for tile in tiles:
        if used + tile.shape[1] > WIDTH:
            rows.append([])
            used = 0
        rows[-1].append(tile)
        used += tile.shape[1]
    lines = [_joined(row, axis=1) for row in rows] or [np.full((MARGIN, WIDTH, 3), PAPER, np.uint8)]
    return _joined(lines, axis=0)


def _joined(pictures: list[NDArray[np.uint8]], axis: int) -> NDArray[np.uint8]:
    """The pictures beside (axis 1) or below (axis 0) each other, the smaller ones with paper around them."""
    other = 1 - axis
    longest = max(picture.shape[other] for picture in pictures)
    filled = []
    for picture in pictures:
        missing = [(0, 0), (0, 0), (0, 0)]
        missing[other] = (0, longest - picture.shape[other])
        filled.append(np.pad(picture, missing, constant_values=PAPER[0]))
    return np.concatenate(filled, axis=axis)


def _tile(sample: Shown) -> NDArray[np.uint8]:
    cv2: Any = opencv()
    enlarged = np.repeat(np.repeat(sample.pixels[:MOST_PIXELS, :MOST_PIXELS], SCALE, axis=0), SCALE, axis=1)
    picture = np.repeat(enlarged[:, :, None], 3, axis=2)
    for place, box in enumerate(sample.boxes):
        x, y, w, h = (round(SCALE * value) for value in box)
        cv2.rectangle(picture, (x, y), (x + w - 1, y + h - 1), COLOURS[place % len(COLOURS)], 1)
    caption = ascii(sample.text[:MOST_LETTERS])[1:-1]  # OpenCV's letters are ASCII
    (wide, _), _ = cv2.getTextSize(caption, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)
    size = picture.shape[0] + CAPTION + MARGIN, max(picture.shape[1], wide) + 2 * MARGIN, 3
    tile = np.full(size, PAPER, np.uint8)
    tile[MARGIN : MARGIN + picture.shape[0], MARGIN : MARGIN + picture.shape[1]] = picture
    place_below = (MARGIN, MARGIN + picture.shape[0] + CAPTION - 6)
    cv2.putText(tile, caption, place_below, cv2.FONT_HERSHEY_SIMPLEX, 0.45, TEXT, 1, cv2.LINE_AA)
    return tile
