"""Layout and composing: where every glyph goes, and the images that result. Nothing here is random."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FEW = 16  # up to this many glyphs are faster handled one by one


class GlyphSpans(NamedTuple):
    """The inked columns of every glyph of a batch of B texts of up to n glyphs.

    columns: uint8 (T, H); start, width, top, bottom: int64 (B, n): glyph j of text b is
    columns[start : start + width], its ink rows are top … bottom-1. A width of 0 means no glyph there.
    shapes: the same columns without specks that are no part of a character; None where there are none
    """

    columns: NDArray[np.uint8]
    start: NDArray[np.int64]
    width: NDArray[np.int64]
    top: NDArray[np.int64]
    bottom: NDArray[np.int64]
    shapes: NDArray[np.uint8] | None = None

    def at(self, rows: NDArray[np.int64]) -> GlyphSpans:
        """The ink of the texts at `rows`."""
        return GlyphSpans(
            self.columns, self.start[rows], self.width[rows], self.top[rows], self.bottom[rows], self.shapes
        )

    def joined(self, other: GlyphSpans, n: int) -> GlyphSpans:
        """A copy in which the first `n` glyphs of each text are those of `other`."""
        columns, shapes, offset = np.concatenate([self.columns, other.columns]), None, len(self.columns)
        if other.shapes is not None:
            shapes = np.concatenate([self.columns, other.shapes])
        spans = np.array([self.start, self.width, self.top, self.bottom])
        spans[:, :, :n] = other.start + offset, other.width, other.top, other.bottom
        return GlyphSpans(columns, spans[0], spans[1], spans[2], spans[3], shapes)

    def replaced(self, rows: NDArray[np.int64], other: GlyphSpans) -> GlyphSpans:
        """A copy in which the texts at `rows` are those of `other`."""
        if len(rows) == len(self.start):
            return other
        columns, start, offset, shapes = self.columns, self.start, 0, self.shapes
        if other.columns is not columns:
            # keep only the columns in use: `columns` may be those of the whole bank
            used, _ = column_runs(start.ravel(), start.ravel(), self.width.ravel())
            start = (np.cumsum(self.width) - self.width.ravel()).reshape(start.shape)
            columns, offset = np.concatenate([columns.take(used, axis=0), other.columns]), len(used)
            if shapes is not None and other.shapes is not None:
                shapes = np.concatenate([shapes.take(used, axis=0), other.shapes])
        spans = np.array([start, self.width, self.top, self.bottom])
        spans[:, rows] = other.start + offset, other.width, other.top, other.bottom
        return GlyphSpans(columns, spans[0], spans[1], spans[2], spans[3], shapes)


class Line(NamedTuple):
    """B texts in ink, and where it is in their images.

    ink: of n characters, and after them of m additions; x: int64 (B, n + m), their left edges; width: int64 (B,), of
    the images; owner: int64 (B, m), the character that each addition is a part of, or -1
    ruled: draws lines that are no part of the writing into images (B, H, W), white on black
    """

    ink: GlyphSpans
    x: NDArray[np.int64]
    width: NDArray[np.int64]
    owner: NDArray[np.int64]
    ruled: Callable[[NDArray[np.uint8]], None] | None = None


class Layout(NamedTuple):
    """x: int64 (B, n), left edge of each glyph from the sequence's own left edge; extent: int64 (B,)."""

    x: NDArray[np.int64]
    extent: NDArray[np.int64]


def layout_glyphs(width: NDArray[np.int64], draws: NDArray[np.float64], low: int, high: int, limit: int) -> Layout:
    """Place glyphs of `width` (B, n) in a row, with gaps of low … high between neighbours.

    draws: float64 (B, n-1) in [0, 1), one for each gap. Rows wider than `limit` get their gaps from the part of
    low … high that fits; where not even `low` fits, `extent` stays above `limit`.
    """
    layout = _place(width, draws, low, high)
    wide = (layout.extent > limit).nonzero()[0]
    if wide.size:
        gaps = np.maximum((width[wide] > 0).sum(axis=1) - 1, 1)
        fitting = np.clip((limit - width[wide].sum(axis=1)) // gaps, low, high)
        # the same draws: a text that only just fits keeps the proportions of its gaps
        narrowed = _place(width[wide], draws[wide], low, fitting[:, None])
        layout.x[wide], layout.extent[wide] = narrowed.x, narrowed.extent
    return layout


def _place(width: NDArray[np.int64], draws: NDArray[np.float64], low: int, high: int | NDArray[np.int64]) -> Layout:
    """high: one for all rows, or (B, 1)."""
    step = (draws * (high - low + 1)).astype(np.int64)
    step += low
    step *= width[:, 1:] > 0
    step += width[:, :-1]
    x = np.zeros(width.shape, np.int64)
    step.cumsum(axis=1, out=x[:, 1:])
    if low >= 0:
        return Layout(x, x[:, -1] + width[:, -1])
    x -= x.min(axis=1, keepdims=True)  # a wide overlap can put a glyph left of the one before it
    return Layout(x, (x + width).max(axis=1))


def compose_images(ink: GlyphSpans, x: NDArray[np.int64], image_width: int, overlapping: bool) -> NDArray[np.uint8]:
    """uint8 (B, H, image_width): every glyph at its x (B, n); where glyphs overlap the brighter pixel wins."""
    count, height = len(x), ink.columns.shape[1]
    # the blank columns beside all texts, which are centred, are left out
    begin, end = int(x.min()), int((x + ink.width).max())
    canvas = np.zeros((count * (end - begin), height), np.uint8)
    target = x + (np.arange(count)[:, None] * (end - begin) - begin)
    if x.size <= FEW:
        for first, left, wide in zip(*(array.ravel().tolist() for array in (ink.start, target, ink.width))):
            part = canvas[left : left + wide]
            np.maximum(part, ink.columns[first : first + wide], out=part)
    else:
        source, place = column_runs(ink.start.ravel(), target.ravel(), ink.width.ravel())
        columns = ink.columns.take(source, axis=0, mode="clip")
        # a column as one item of type void: NumPy then copies whole columns instead of bytes; "clip" changes no place,
        # but takes half the time
        np.put(canvas.view(f"V{height}")[:, 0], place, columns.view(f"V{height}")[:, 0], mode="clip")
        if overlapping:
            _brighten(canvas, columns, place)
    # one byte before every row is left for PNG's filter type: encoding then needs no copy
    rows = np.zeros((count, height, image_width + 1), np.uint8)
    images = rows[:, :, 1:]
    images[:, :, begin:end] = canvas.reshape(count, end - begin, height).transpose(0, 2, 1)
    return images


def _brighten(canvas: NDArray[np.uint8], columns: NDArray[np.uint8], place: NDArray[np.int64]) -> None:
    """Put the brightest pixels where several of `columns` (T, H), one of which the canvas has, are at one place."""
    last = np.empty(len(canvas), np.int64)
    every = np.arange(len(place))
    last[place] = every
    while (covered := (last[place] != every).nonzero()[0]).size:
        place, columns, every = place[covered], columns[covered], np.arange(covered.size)
        # of several columns at one place, a single one is left in `last`: it is put there, the others wait
        last[place] = every
        now = (last[place] == every).nonzero()[0]
        canvas[place[now]] = np.maximum(canvas[place[now]], columns[now])


def column_runs(
    start: NDArray[np.int64], target: NDArray[np.int64], width: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of all ink columns and of their targets on the canvas, glyph after glyph: int64 (T,) each."""
    end = width.cumsum()
    column = np.arange(end[-1])
    before = end - width
    source, place = (start - before).repeat(width), (target - before).repeat(width)
    source += column
    place += column
    return source, place


def scanlines(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (B, H, W+1): a byte for the filter type, 0 for none, and the pixels. Without a copy where they lie so."""
    count, height, width = images.shape
    base = images.base
    shape = (count, height, width + 1)
    if isinstance(base, np.ndarray) and base.shape == shape and base.flags.c_contiguous and not base[:, :, 0].any():
        return base
    rows = np.zeros(shape, np.uint8)
    rows[:, :, 1:] = images
    return rows
