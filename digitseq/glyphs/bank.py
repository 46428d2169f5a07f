"""The glyph bank: all glyphs of one split, as inked columns in one flat array.

A bank file consists of a magic line, the length of a JSON header (8 bytes, little-endian), the header, the arrays
aligned to 64 bytes, and the CRC-32 of all that (4 bytes, little-endian).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import DataError
from digitseq.files.atomic import replacing
from digitseq.glyphs.alphabet import classes
from digitseq.glyphs.signs import SIZE, pen_numbers, sign_glyphs
from digitseq.glyphs.strokes import SIGNS
from digitseq.lazy_imports import import_package
from digitseq.random_streams import Rows

MAGIC = b"digitseq glyph bank 2\n"
ALIGNMENT = 64
_ARRAYS = ("columns", "start", "width", "top", "bottom", "label", "class_start", "pen")


@dataclass(frozen=True)
class GlyphBank:
    """Glyphs sorted by class; the ink of glyph g is `columns[start[g] : start[g] + width[g]]`.

    columns: uint8 (T, height), one row per pixel column, top to bottom, 0 paper … 255 ink
    start: int64 (N,); width, top, bottom: uint8 (N,), the ink rows are top … bottom-1
    label: uint8 (N,), index into `characters`; class_start: int64 (C+1,), the glyphs of class c are
    class_start[c] … class_start[c+1]-1
    pen: uint8 (N,), the number of the pen in `signs.PENS` that is as wide as the glyph's strokes
    digest: identifies the source files, hex; path: the file behind the arrays, or None; origin: of a share, the bank
    and the two fractions that it was taken from
    signs: how many of the classes, the last ones, are drawn signs; complete: the bank that has them, too, or None

    A bank with a path is pickled as that path, so that worker processes share the pages of the file.
    """

    characters: str
    digest: str
    columns: NDArray[np.uint8]
    start: NDArray[np.int64]
    width: NDArray[np.uint8]
    top: NDArray[np.uint8]
    bottom: NDArray[np.uint8]
    label: NDArray[np.uint8]
    class_start: NDArray[np.int64]
    pen: NDArray[np.uint8]
    signs: int = 0
    complete: GlyphBank | None = field(default=None, compare=False)
    path: Path | None = field(default=None, compare=False)
    origin: tuple[GlyphBank, float, float] | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return len(self.start)

    @property
    def height(self) -> int:
        """Height of a glyph in pixels."""
        return int(self.columns.shape[1])

    def ink(self, glyph: int) -> NDArray[np.uint8]:
        """uint8 (h, w): the glyph, cropped to its ink."""
        first = self.start[glyph]
        columns = self.columns[first : first + self.width[glyph], self.top[glyph] : self.bottom[glyph]]
        return np.ascontiguousarray(columns.T)

    def with_signs(self) -> GlyphBank:
        """The same glyphs and those of the signs that the data set lacks, as further classes. Shares all arrays."""
        return self.complete or self

    def without_signs(self) -> GlyphBank:
        """The glyphs of the data set only, with all arrays shared."""
        classes = len(self.characters) - self.signs
        count = int(self.class_start[classes])
        arrays = {name: getattr(self, name)[:count] for name in ("start", "width", "top", "bottom", "label", "pen")}
        start = self.class_start[: classes + 1]
        return replace(self, characters=self.characters[:classes], class_start=start, signs=0, complete=self, **arrays)

    def share(self, low: float, high: float) -> GlyphBank:
        """The glyphs of every class from fraction `low` to `high` of a fixed random order, the same for every seed.

        Shares with disjoint fractions have no glyph in common, and those of 0 … f and f … 1 together have all
        glyphs. Both have glyphs of every class that has at least two. `columns` is shared with this bank.
        """
        bank = self.with_signs()
        order = np.argsort(Rows.span(0, 0, len(self)).words("share", 1)[:, 0], kind="stable")
        order = order[np.argsort(self.label[order], kind="stable")]
        classes = pairwise(self.class_start.tolist())
        chosen = [order[_cut(first, end, low) : _cut(first, end, high)] for first, end in classes]
        # signs are drawn, and no glyphs of the data set: every share has all of them
        chosen += [np.arange(first, end) for first, end in pairwise(bank.class_start[len(self.characters) :].tolist())]
        kept = np.sort(np.concatenate(chosen))
        return replace(
            bank,
            digest=hashlib.sha256(f"{self.digest} {low} {high}".encode()).hexdigest(),
            **{name: getattr(bank, name)[kept] for name in ("start", "width", "top", "bottom", "label", "pen")},
            class_start=np.concatenate([[0], np.cumsum([len(c) for c in chosen])]).astype(np.int64),
            path=None,
            origin=(self, low, high),
        ).without_signs()

    def __reduce__(self) -> tuple[Any, ...]:
        if self.signs:
            return GlyphBank.with_signs, (self.without_signs(),)
        if self.origin is not None:
            return GlyphBank.share, self.origin
        if self.path is not None:
            return open_bank, (self.path, self.digest)
        whole = self.with_signs()
        arrays = [getattr(whole, name) for name in _ARRAYS]
        return _bank_of, (whole.characters, whole.digest, whole.signs, arrays)


def _bank_of(characters: str, digest: str, signs: int, arrays: list[Any], path: Path | None = None) -> GlyphBank:
    """The bank without its signs. arrays: in the order of `_ARRAYS`, with the signs."""
    named = dict(zip(_ARRAYS, arrays))
    return GlyphBank(characters, digest, **named, signs=signs, path=path).without_signs()


def _cut(first: int, end: int, fraction: float) -> int:
    """The index at `fraction` of first … end. Strictly between them for fractions between 0 and 1, if possible."""
    if fraction in (0, 1) or end - first < 2:
        return end if fraction == 1 else first
    return min(max(first + round(fraction * (end - first)), first + 1), end - 1)


def build_bank(
    images: NDArray[np.uint8] | Iterable[NDArray[np.uint8]], labels: NDArray[Any], characters: str, digest: str
) -> GlyphBank:
    """A bank in memory. images: uint8 (N, height, width), upright, or pieces of that; labels: integers (N,), classes.

    Glyphs without ink are left out. Peak memory is twice that of the inked columns when `images` are pieces.
    Raises `DataError` for a label outside `characters`, and when there are more or fewer labels than images.
    """
    if len(labels) and not (labels.min() >= 0 and labels.max() < len(characters)):
        raise DataError(f"labels must be 0 to {len(characters) - 1}, got {labels.min()} to {labels.max()}")
    pieces = [images] if isinstance(images, np.ndarray) else images
    source, width, top, bottom = _trimmed(pieces, len(labels))
    start = np.cumsum(width, dtype=np.int64) - width
    inked = np.flatnonzero(width)
    order = inked[np.argsort(labels[inked], kind="stable")]
    label = labels[order].astype(np.uint8)
    class_start = np.searchsorted(label, np.arange(len(characters) + 1)).astype(np.int64)
    columns = _gather(source, start[order], width[order], class_start)
    width, top, bottom = width[order], top[order], bottom[order]
    start = np.cumsum(width, dtype=np.int64) - width
    return _with_drawn_signs(
        GlyphBank(characters, digest, columns, start, width, top, bottom, label, class_start, np.empty(0, np.uint8))
    )


def _with_drawn_signs(bank: GlyphBank) -> GlyphBank:
    """`bank` with a `complete` bank, and with its pens."""
    signs = "".join(sign for sign in SIGNS if sign not in classes(bank.characters))
    drawn = [_drawn_sign(sign, bank.height) for sign in signs]
    columns, width, top, bottom = (np.concatenate(parts) for parts in zip(*drawn))
    start = len(bank.columns) + np.cumsum(width, dtype=np.int64) - width
    number = np.repeat(np.arange(len(signs)), SIZE)
    pen = pen_numbers(bank.columns, bank.start, bank.width)
    return GlyphBank(
        bank.characters + signs,
        bank.digest,
        np.concatenate([bank.columns, columns]),
        np.concatenate([bank.start, start]),
        np.concatenate([bank.width, width]),
        np.concatenate([bank.top, top]),
        np.concatenate([bank.bottom, bottom]),
        np.concatenate([bank.label, (len(bank.characters) + number).astype(np.uint8)]),
        np.concatenate([bank.class_start, len(bank) + SIZE * np.arange(1, len(signs) + 1)]),
        np.concatenate([pen, np.zeros(len(number), np.uint8)]),
        signs=len(signs),
    ).without_signs()


@lru_cache(maxsize=2 * len(SIGNS))
def _drawn_sign(sign: str, height: int) -> tuple[NDArray[np.uint8], ...]:
    """The columns of all variants of a sign, (T, height); width, top and bottom (SIZE,) of their ink."""
    columns, *extents = _trimmed([sign_glyphs(sign, height)], SIZE)
    return columns[: extents[0].sum()], *extents


def _trimmed(pieces: Iterable[NDArray[np.uint8]], count: int) -> tuple[NDArray[np.uint8], ...]:
    """The inked columns (T, height) of all glyphs; width, top and bottom (N,) of their ink."""
    columns, end = np.empty((0, 0), np.uint8), 0
    boxes: list[tuple[NDArray[np.uint8], ...]] = []
    for images in pieces:
        if not boxes:  # sized for the widest glyphs; pages that are never written take no memory
            columns = np.empty((count * images.shape[2], images.shape[1]), np.uint8)
        by_column, by_row = np.any(images, axis=1), np.any(images, axis=2)
        left, right = _extent(by_column)
        x = np.arange(images.shape[2])
        # An empty row has argmax 0, as if all of it were inked: glyphs without ink need the third condition.
        kept = (x >= left[:, None]) & (x < right[:, None]) & np.any(by_row, axis=1)[:, None]
        inked = images.transpose(0, 2, 1)[kept]
        columns[end : end + len(inked)] = inked[: len(columns) - end]
        end += len(inked)
        boxes.append(tuple(values.astype(np.uint8) for values in (kept.sum(axis=1), *_extent(by_row))))
    width, top, bottom = (np.concatenate(values) for values in zip(*boxes))
    if len(width) != count:
        raise DataError(f"{len(width):,} images, but {count:,} labels")
    return columns, width, top, bottom


def _gather(
    source: NDArray[np.uint8], start: NDArray[np.int64], width: NDArray[np.uint8], class_start: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """The columns of all glyphs, sorted by class."""
    columns, end = np.empty((int(width.sum()), source.shape[1]), np.uint8), 0
    for low, high in pairwise(class_start.tolist()):  # by class, as the indices take 8 bytes per column
        runs = width[low:high].astype(np.int64)
        before = np.cumsum(runs) - runs
        chosen = np.arange(runs.sum()) + np.repeat(start[low:high] - before, runs)
        np.take(source, chosen, axis=0, out=columns[end : end + len(chosen)])
        end += len(chosen)
    return columns


def _extent(inked: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64 (N,) each: the first true of every row, and one past the last."""
    first = inked.argmax(axis=1)
    last = inked.shape[1] - inked[:, ::-1].argmax(axis=1)
    return first.astype(np.int64), last.astype(np.int64)


def save_bank(bank: GlyphBank, path: Path) -> None:
    """Write `bank` to `path` atomically. Raises `OSError`."""
    crc32, crc = _crc32(), 0
    with replacing(path) as file:
        for piece in _pieces(bank):
            file.write(piece)
            crc = crc32(piece, crc)
        file.write(crc.to_bytes(4, "little"))


def _crc32() -> Callable[..., int]:
    """ISA-L's CRC-32: at 10 GB a second, a whole bank can be verified each time it is opened."""
    checksum: Callable[..., int] = import_package("isal.isal_zlib", "the glyph cache").crc32
    return checksum


def _pieces(bank: GlyphBank) -> list[Any]:
    """The contents of the file up to the checksum: bytes and contiguous arrays."""
    bank = bank.with_signs()
    arrays = {name: np.ascontiguousarray(getattr(bank, name)) for name in _ARRAYS}
    layout, end = {}, 0
    for name, array in arrays.items():
        layout[name] = [array.dtype.str, array.shape, end]
        end += -(-array.nbytes // ALIGNMENT) * ALIGNMENT
    header = json.dumps(
        {"characters": bank.characters, "signs": bank.signs, "digest": bank.digest, "arrays": layout}
    ).encode()
    header += b" " * (-(len(MAGIC) + 8 + len(header)) % ALIGNMENT)
    pieces: list[Any] = [MAGIC, len(header).to_bytes(8, "little"), header]
    for array in arrays.values():
        pieces += [array.reshape(-1).view(np.uint8), b"\0" * (-array.nbytes % ALIGNMENT)]
    return pieces


def open_bank(path: Path, digest: str) -> GlyphBank:
    """The bank in `path`, memory-mapped, after its checksum was verified.

    Raises `DataError` when the file is damaged, truncated, or made from other source files than those of `digest`;
    `OSError` when it cannot be read.
    """
    raw = np.memmap(path, np.uint8, mode="r") if path.stat().st_size else np.empty(0, np.uint8)
    if raw[: len(MAGIC)].tobytes() != MAGIC:
        raise DataError(f"{path} is not a glyph bank of this version")
    if _crc32()(raw[:-4].data) != int.from_bytes(raw[-4:].tobytes(), "little"):
        raise DataError(f"{path} is damaged (its checksum is wrong)")
    try:
        size = int.from_bytes(raw[len(MAGIC) :][:8].tobytes(), "little")
        body = len(MAGIC) + 8 + size
        header = json.loads(raw[len(MAGIC) + 8 : body].tobytes())
        if header["digest"] != digest:
            raise DataError(f"{path} was made from other source files")
        arrays = {}
        for name in _ARRAYS:
            dtype, shape, offset = header["arrays"][name]
            count = int(np.prod(shape)) * np.dtype(dtype).itemsize
            # asarray: a slice of a memmap is a memmap again, and indexing that is a microsecond slower
            piece = np.asarray(raw[body + offset : body + offset + count])
            arrays[name] = piece.view(dtype).reshape(shape)
        return _bank_of(header["characters"], digest, header["signs"], list(arrays.values()), path)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error})") from None
