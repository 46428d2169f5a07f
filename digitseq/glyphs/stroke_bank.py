"""The centre lines of a bank's glyphs and of signs, as distance fields in the cache."""

from __future__ import annotations

import bisect
import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import DataError
from digitseq.glyphs.array_file import read_arrays, write_arrays
from digitseq.glyphs.bank import GlyphBank
from digitseq.glyphs.centre_lines import centre_lines
from digitseq.glyphs.scaling import BOX
from digitseq.glyphs.stroke_fields import SAMPLES, Lines, intact, lines_of
from digitseq.glyphs.strokes import SIGNS, curves, sign_curves
from digitseq.random_streams import Rows

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

MAGIC = b"digitseq strokes 1\n"
METHOD = 1  # counted up when other lines are found: cached ones are built again
MOST_BYTES = 1 << 28  # of fields: of larger data sets, only some glyphs of the large classes have a line
MARGIN = 3  # pixels of paper around the ink of a glyph
PIECE = 64  # glyphs that are worked on at once, which stay in the processor's cache
AHEAD = 4  # pieces for each thread that are handed out at once
VARIANTS = 64  # of each sign, and of a plain stroke
STROKE = "stroke"  # the name of a plain stroke among signs
STROKE_LENGTH = 18.0  # pixels, along x through the middle of its field
BEND = 1.6  # pixels by which the middle of a plain stroke is off the straight line, at most
SPACING = 0.25  # pixels between points on the curve of a sign
Found = tuple[Lines, NDArray[np.bool_]]  # the lines of some glyphs, and which of them are intact
_ARRAYS = ("start", "intact", *Lines._fields, "base")
_NUMBERS = {sign: k for k, sign in enumerate((*SIGNS, STROKE))}


@dataclass(frozen=True)
class StrokeBank:
    """Centre lines of N glyphs and, after them, of `VARIANTS` of each sign of `SIGNS` and of a plain stroke.

    digest: identifies the glyphs and how lines are found, hex; side: of a field's cell, in pixels of the glyphs
    start: int64 (N,) ascending, `GlyphBank.start` of each glyph; intact: bool (N,), see `stroke_fields.intact`
    lines: of all; base: float32 (N + S,), the row of the base line, in pixels from the middle of the field
    A bank with a path is pickled as that path.
    """

    digest: str
    side: int
    start: NDArray[np.int64]
    intact: NDArray[np.bool_]
    lines: Lines
    base: NDArray[np.float32]
    path: Path | None = None

    def rows_of(self, bank: GlyphBank) -> NDArray[np.int64]:
        """int64 (len(bank),): the row of the arrays for each glyph of a bank of the same data set; -1: it has none."""
        at = np.searchsorted(self.start, bank.start).clip(0, len(self.start) - 1)
        return np.where(self.start[at] == bank.start, at, -1)

    def sign_row(self, sign: str) -> int:
        """The row of the first variant of a sign, or of `STROKE`."""
        return len(self.start) + _NUMBERS[sign] * VARIANTS

    def __reduce__(self) -> tuple[Any, ...]:
        if self.path is not None:
            return open_strokes, (self.path, self.digest)
        return StrokeBank, (self.digest, self.side, self.start, self.intact, self.lines, self.base)


def strokes_digest(bank: GlyphBank) -> str:
    """Identifies the glyphs of `bank` and how their lines are found, hex."""
    about = f"{bank.digest} strokes {METHOD}"
    if len(bank) > _most_lines(_side(bank)):
        about += f" of {MOST_BYTES} bytes"
    return hashlib.sha256(about.encode()).hexdigest()


def build_strokes(bank: GlyphBank) -> StrokeBank:
    """The centre lines of the glyphs of `bank`, a whole data set, in memory; with a progress bar on a terminal."""
    from concurrent.futures import ThreadPoolExecutor  # not loaded where nothing is built

    from tqdm import tqdm

    digest, bank = strokes_digest(bank), bank.bare()
    side = _side(bank)
    some = _some_of_each(np.diff(bank.class_start), _most_lines(side))
    order = some[np.argsort(bank.start[some], kind="stable")]
    pieces = [order[first : first + PIECE] for first in range(0, len(order), PIECE)]
    found: list[Found] = []
    # OpenCV and NumPy leave the interpreter's lock while they work: threads do, and need no copies
    with ThreadPoolExecutor(cpu_count()) as pool, tqdm(
        total=len(order), desc="finding the centre lines of the glyphs, once", unit="glyph", disable=None, leave=False
    ) as bar:  # fmt: skip
        for one in _in_order(pool, lambda piece: _glyph_lines(bank, piece, side), pieces):
            found.append(one)
            bar.update(PIECE)
    signs, base = zip(*_sign_lines(side))
    lines = Lines(*(np.concatenate(arrays) for arrays in zip(*(lines for lines, _ in found), *signs)))
    kept = np.concatenate([kept for _, kept in found])
    feet = np.concatenate([lines.bottom[: len(order)], *base])
    return StrokeBank(digest, side, bank.start[order], kept, lines, feet)


def _side(bank: GlyphBank) -> int:
    """Pixels of the cell of a field."""
    return 2 * ((max(bank.tallest, bank.widest) + 1) // 2 + MARGIN)


def _most_lines(side: int) -> int:
    return MOST_BYTES // (side * SAMPLES) ** 2


def _some_of_each(count: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """About `most` of glyphs that lie class by class, `count` (C,) of each: all of small classes, and as many of each
    larger one as of any other, at even distances."""
    of_each = range(int(count.max()) + 1)
    largest = bisect.bisect_right(of_each, most, key=lambda each: int(np.minimum(count, each).sum())) - 1
    taken = np.minimum(count, max(largest, 1))
    number = np.arange(taken.sum()) - (taken.cumsum() - taken).repeat(taken)
    found: NDArray[np.int64] = (count.cumsum() - count).repeat(taken) + number * count.repeat(taken) // taken.repeat(
        taken
    )
    return found


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[NDArray[np.int64]], Found], pieces: Iterable[NDArray[np.int64]]
) -> Iterator[Found]:
    """As `pool.map`, but at the end of the program, such as a service that is told to stop, it raises `RuntimeError`.

    Python waits then for all that was submitted, and takes no more: so little is submitted ahead.
    """
    waiting: deque[Future[Found]] = deque()
    for piece in pieces:
        waiting.append(pool.submit(work, piece))
        if len(waiting) >= AHEAD * (cpu_count() or 1):
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _glyph_lines(bank: GlyphBank, glyph: NDArray[np.int64], side: int) -> Found:
    cells = cells_of(bank, glyph, side)
    found = centre_lines(cells)
    lines = lines_of(found.points, found.owner, len(glyph), side)
    return lines, intact(cells, lines, found)


def cells_of(bank: GlyphBank, glyph: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
    """uint8 (N, side, side): glyphs (N,) with the box of their ink in the middle of a cell that has space for it."""
    columns, start, width, top, bottom = bank.pick(glyph)
    column, across = _in_the_middle(start, width, side)
    row, down = _in_the_middle(top, bottom - top, side)
    # the flat index of every pixel; what is beside or above the glyph is ink of others, and blanked
    cells: NDArray[np.uint8] = columns.reshape(-1).take((column * columns.shape[1])[:, None, :] + row[:, :, None])
    cells *= across[:, None, :] & down[:, :, None]
    return cells


def _in_the_middle(
    first: NDArray[np.int64], length: NDArray[np.int64], side: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """For each place along a cell: what comes there of `length` (N,) places from `first` on, and whether any does."""
    place = np.arange(side) - ((side - length) // 2)[:, None]
    within = place.clip(0, length[:, None] - 1)
    return first[:, None] + within, place == within


def _sign_lines(side: int) -> Iterator[tuple[Lines, NDArray[np.float32]]]:
    """The lines of the variants of each sign, and where the base line is."""
    for sign in SIGNS:
        longest = 2 * BOX  # pixels: more than any stroke of a sign
        points = sign_curves(sign, VARIANTS, round(longest / SPACING)).reshape(VARIANTS, -1, 2) * BOX
        middle = (points.min(axis=1) + points.max(axis=1)) / 2
        yield _placed(points - middle[:, None], side), (BOX - middle[:, 1]).astype(np.float32)
    half, bend = STROKE_LENGTH / 2, (Rows.span(0, 0, VARIANTS).uniforms(STROKE, 1) * 2 - 1)[:, 0] * BEND
    control = np.zeros((VARIANTS, 3, 2))
    control[:, :, 0] = -half, 0, half
    control[:, 1, 1] = 2 * bend  # a curve passes its middle control point at half the distance
    yield _placed(curves(control, round(STROKE_LENGTH / SPACING)), side), np.zeros(VARIANTS, np.float32)


def _placed(points: NDArray[np.float64], side: int) -> Lines:
    """The lines through points (V, K, 2), in pixels from the middle of a field."""
    count, each, _ = points.shape
    owner = np.arange(count).repeat(each)
    return lines_of((points + side / 2).astype(np.float32).reshape(-1, 2), owner, count, side)


def save_strokes(bank: StrokeBank, path: Path) -> None:
    """Write `bank` to `path` atomically. Raises `OSError`."""
    arrays = {"start": bank.start, "intact": bank.intact, **bank.lines._asdict(), "base": bank.base}
    write_arrays(path, MAGIC, {"digest": bank.digest, "side": bank.side}, arrays)


def open_strokes(path: Path, digest: str) -> StrokeBank:
    """The stroke bank in `path`, memory-mapped; raises as `read_arrays` does."""
    header, arrays = read_arrays(path, MAGIC, digest)
    try:
        start, kept, *lines, base = (arrays[name] for name in _ARRAYS)
        return StrokeBank(digest, header["side"], start, kept, Lines(*lines), base, path)
    except KeyError as error:
        raise DataError(f"{path} is damaged ({error} is missing)") from None
