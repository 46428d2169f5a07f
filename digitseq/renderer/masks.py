"""Instance masks: which character each pixel of an image belongs to."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from digitseq.composer import GlyphSpans, column_runs, compose_images, scanlines

NEVER = 255  # no threshold: that of a character is at most 128
NO_KEY = 255  # that of paper; those of characters are larger where they have ink, and smaller elsewhere


def compose_masks(
    ink: GlyphSpans, x: NDArray[np.int64], number: NDArray[np.int64], images: NDArray[np.uint8], overlapping: bool
) -> NDArray[np.uint8]:
    """uint8 (B, H, W): 0 is paper, `number[b, j]`, 1 … 255, is the character j of text b, (B, n).

    A pixel belongs to a character where its ink is at least half as dark as at its darkest pixel; of several such
    characters to the one with the darkest ink there, the first of equal ones. So every character has a pixel unless
    others cover it. ink, x, images, overlapping: what `compose_images` got and made, white on black.
    """
    if ink.shapes is not None:
        ink = ink._replace(columns=ink.shapes)
    if overlapping:
        return _by_glyph(ink, x, number, images.shape)
    if ink.shapes is not None:
        images = compose_images(ink, x, images.shape[2], overlapping=False)
    return _by_column(ink, x, number, images)


def _by_column(
    ink: GlyphSpans, x: NDArray[np.int64], number: NDArray[np.int64], images: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """For glyphs that share no columns: each column of an image has one character, and one threshold."""
    count, _, width = images.shape
    rows = scanlines(images)
    there = ink.width > 0
    first = (x + np.arange(count)[:, None] * (width + 1))[there] + 1
    darkest = np.append(rows.max(axis=1).ravel(), np.uint8(0))
    ends = np.stack([first, first + ink.width[there]], axis=1).ravel()
    # in turn what is between characters, and a character
    lengths = np.diff(np.stack([x, x + ink.width], axis=2).reshape(count, -1), prepend=-1, append=width).ravel()
    values = np.zeros((2, count, 2 * x.shape[1] + 1), np.uint8)
    values[0] = NEVER
    if ends.size:
        values[0, :, 1::2][there] = _threshold(np.maximum.reduceat(darkest, ends)[::2])
    values[1, :, 1::2] = number
    threshold, of_column = (each.ravel().repeat(lengths).reshape(count, 1, width + 1) for each in values)
    masks = np.empty(rows.shape, np.uint8)
    np.greater_equal(rows, threshold, out=masks.view(np.bool_))
    np.negative(masks, out=masks)  # bit masks: several times as fast as products
    masks &= of_column
    return masks[:, :, 1:]


def _by_glyph(
    ink: GlyphSpans, x: NDArray[np.int64], number: NDArray[np.int64], shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    count, height, width = shape
    canvas = np.full((count * width, height), NO_KEY, np.uint16)
    # the first character of every text, then the second: those of one round share no columns
    texts, there = np.arange(count)[:, None], ink.width.T > 0
    start, target, wide, numbers = (a.T[there] for a in (ink.start, x + texts * width, ink.width, number))
    source, place = column_runs(start, target, wide) if wide.size else (start, target)
    taken, end = ink.columns.take(source, axis=0), wide.cumsum()
    if wide.size:
        peak = np.maximum.reduceat(taken, end - wide, axis=0).max(axis=1)
        taken &= np.negative((taken >= _threshold(peak).repeat(wide)[:, None]).view(np.uint8))
    # darkness above, the number below, reversed: the largest key is that of the darkest ink, of equal ones the first
    keys = taken.astype(np.uint16)
    keys <<= 8
    keys += (NO_KEY - numbers).astype(np.uint16).repeat(wide)[:, None]
    rounds = np.append(0, end)[np.append(0, there.sum(axis=1).cumsum())].tolist()
    for first, last in pairwise(rounds):
        at = place[first:last]
        canvas[at] = np.maximum(canvas[at], keys[first:last])
    numbered = np.invert(canvas.astype(np.uint8))
    # one byte before every row is left for PNG's filter type, as in images
    rows = np.zeros((count, height, width + 1), np.uint8)
    rows[:, :, 1:] = numbered.reshape(count, width, height).transpose(0, 2, 1)
    return rows[:, :, 1:]


def _threshold(peak: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Half of `peak`, rounded up, so that the darkest pixel reaches it, and never 0, which paper has."""
    half: NDArray[np.uint8] = np.maximum(peak - peak // 2, 1)
    return half
