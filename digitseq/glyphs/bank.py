"""The glyph bank: all glyphs of one split, as inked columns in one flat array.

A bank file is: a magic line, the length of a JSON header (8 bytes, little-endian), the header, the arrays
at multiples of 64 bytes, and the CRC-32 of all that (4 bytes, little-endian).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import DataError
from digitseq.files.atomic import replacing
from digitseq.lazy_imports import need_package
from digitseq.random_streams import Rows

MAGIC = b"digitseq glyph bank 1\n"
ALIGNMENT = 64
_ARRAYS = ("columns", "start", "width", "top", "bottom", "label", "class_start")


@dataclass(frozen=True)
class GlyphBank:
    """Glyphs sorted by class; glyph g's ink is `columns[start[g] : start[g] + width[g]]`.

    columns: uint8 (T, height), one row a pixel column from top to bottom, 0 paper … 255 ink
    start: int64 (N,); width, top, bottom: uint8 (N,), ink rows are top … bottom-1
    label: uint8 (N,), index into `characters`; class_start: int64 (C+1,), glyphs of class c are
    class_start[c] … class_start[c+1]-1
    digest: sha256 of the source files, hex; path: the file behind the arrays, or None.

    Pickles as its path where it has one, so that worker processes share the file's pages.
    origin: of a share, the bank and the two fractions that it was taken from.
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
    path: Path | None = field(default=None, compare=False)
    origin: tuple[GlyphBank, float, float] | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return len(self.start)

    @property
    def height(self) -> int:
        """Height of a glyph in pixels."""
        return int(self.columns.shape[1])

    def ink(self, glyph: int) -> NDArray[np.uint8]:
        """uint8 (h, w): the glyph trimmed to its ink box."""
        first = self.start[glyph]
        columns = self.columns[first : first + self.width[glyph], self.top[glyph] : self.bottom[glyph]]
        return np.ascontiguousarray(columns.T)

    def share(self, low: float, high: float) -> GlyphBank:
        """The glyphs of every class from fraction `low` to `high` of a fixed order that knows no seed.

        Shares whose fractions do not overlap have no glyph in common, and those of 0 … f and f … 1 are all
        glyphs. Neither of these two is empty where a class has two glyphs. The columns are this bank's own.
        """
        order = np.argsort(Rows.span(0, 0, len(self)).words("share", 1)[:, 0], kind="stable")
        order = order[np.argsort(self.label[order], kind="stable")]
        ends = self.class_start
        chosen = [order[_cut(a, b, low) : _cut(a, b, high)] for a, b in zip(ends[:-1].tolist(), ends[1:].tolist())]
        kept = np.sort(np.concatenate(chosen))
        return replace(
            self,
            digest=hashlib.sha256(f"{self.digest} {low} {high}".encode()).hexdigest(),
            **{name: getattr(self, name)[kept] for name in ("start", "width", "top", "bottom", "label")},
            class_start=np.concatenate([[0], np.cumsum([len(c) for c in chosen])]).astype(np.int64),
            path=None,
            origin=(self, low, high),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        if self.origin is not None:
            return GlyphBank.share, self.origin
        if self.path is not None:
            return open_bank, (self.path, self.digest)
        return GlyphBank, (self.characters, self.digest, *(getattr(self, name) for name in _ARRAYS))


def _cut(first: int, end: int, fraction: float) -> int:
    """Where `fraction` of first … end lies; inside it wherever the fraction is, and there is room."""
    if fraction in (0, 1) or end - first < 2:
        return end if fraction == 1 else first
    return min(max(first + round(fraction * (end - first)), first + 1), end - 1)


def build_bank(
    images: NDArray[np.uint8] | Iterable[NDArray[np.uint8]], labels: NDArray[Any], characters: str, digest: str
) -> GlyphBank:
    """A bank in memory. images: uint8 (N, height, width), upright, or pieces of that; labels: integers (N,), classes.

    Glyphs without any ink are left out. Takes twice the memory of the inked columns where `images` come in
    pieces. Raises `DataError` for a label outside `characters`.
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
    return GlyphBank(
        characters,
        digest,
        columns=_gather(source, start[order], width[order], class_start),
        start=np.cumsum(width[order], dtype=np.int64) - width[order],
        width=width[order],
        top=top[order],
        bottom=bottom[order],
        label=label,
        class_start=class_start,
    )


_Small = NDArray[np.uint8]  # (N,)


def _trimmed(pieces: Iterable[NDArray[np.uint8]], count: int) -> tuple[NDArray[np.uint8], _Small, _Small, _Small]:
    """The columns of all glyphs between the paper left and right of them; widths, tops and bottoms of the ink."""
    columns, end = np.empty((0, 0), np.uint8), 0
    small: list[tuple[_Small, ...]] = []
    for images in pieces:
        if not small:  # room for the widest glyphs; what stays empty of it takes no memory
            columns = np.empty((count * images.shape[2], images.shape[1]), np.uint8)
        by_column, by_row = np.any(images, axis=1), np.any(images, axis=2)
        left, right = _extent(by_column)
        x = np.arange(images.shape[2])
        kept = (x >= left[:, None]) & (x < right[:, None]) & np.any(by_row, axis=1)[:, None]
        inked = images.transpose(0, 2, 1)[kept]
        columns[end : end + len(inked)] = inked[: len(columns) - end]
        end += len(inked)
        small.append(tuple(values.astype(np.uint8) for values in (kept.sum(axis=1), *_extent(by_row))))
    width, top, bottom = (np.concatenate(values) for values in zip(*small))
    if len(width) != count:
        raise DataError(f"{len(width):,} images, but {count:,} labels")
    return columns, width, top, bottom


def _gather(
    source: NDArray[np.uint8], start: NDArray[np.int64], width: NDArray[np.uint8], class_start: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """The columns of all glyphs in their new order."""
    columns, end = np.empty((int(width.sum()), source.shape[1]), np.uint8), 0
    for low, high in zip(class_start[:-1].tolist(), class_start[1:].tolist()):  # indices of one class at a time
        runs = width[low:high].astype(np.int64)
        before = np.cumsum(runs) - runs
        chosen = np.arange(runs.sum()) + np.repeat(start[low:high] - before, runs)
        np.take(source, chosen, axis=0, out=columns[end : end + len(chosen)])
        end += len(chosen)
    return columns


def _extent(inked: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First true and one past the last true of every row: int64 (N,) each."""
    first = inked.argmax(axis=1)
    last = inked.shape[1] - inked[:, ::-1].argmax(axis=1)
    return first.astype(np.int64), last.astype(np.int64)


def save_bank(bank: GlyphBank, path: Path) -> None:
    """Write `bank` to `path` at once. Raises `OSError`."""
    crc32, crc = _crc32(), 0
    with replacing(path) as file:
        for piece in _pieces(bank):
            file.write(piece)
            crc = crc32(piece, crc)
        file.write(crc.to_bytes(4, "little"))


def _crc32() -> Callable[..., int]:
    """ISA-L's: 10 GB a second, so that the whole of a bank can be checked whenever it is opened."""
    checksum: Callable[..., int] = need_package("isal.isal_zlib", "the glyph cache").crc32
    return checksum


def _pieces(bank: GlyphBank) -> list[Any]:
    """What stands in the file before the checksum: bytes and contiguous arrays."""
    arrays = {name: np.ascontiguousarray(getattr(bank, name)) for name in _ARRAYS}
    layout, end = {}, 0
    for name, array in arrays.items():
        layout[name] = [array.dtype.str, array.shape, end]
        end += -(-array.nbytes // ALIGNMENT) * ALIGNMENT
    header = json.dumps({"characters": bank.characters, "digest": bank.digest, "arrays": layout}).encode()
    header += b" " * (-(len(MAGIC) + 8 + len(header)) % ALIGNMENT)
    pieces: list[Any] = [MAGIC, len(header).to_bytes(8, "little"), header]
    for array in arrays.values():
        pieces += [array.reshape(-1).view(np.uint8), b"\0" * (-array.nbytes % ALIGNMENT)]
    return pieces


def open_bank(path: Path, digest: str) -> GlyphBank:
    """The bank in `path`, by memory map, after a check of all of its bytes.

    Raises `DataError` when the file is damaged, cut off, or not made from the source files that have
    `digest`; `OSError` when it cannot be read.
    """
    raw = np.memmap(path, np.uint8, mode="r") if path.stat().st_size else np.empty(0, np.uint8)
    _verify(raw, path)
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
            # asarray: slices of a memmap are memmaps again, and every one of them costs a microsecond more
            piece = np.asarray(raw[body + offset : body + offset + count])
            arrays[name] = piece.view(dtype).reshape(shape)
        return GlyphBank(header["characters"], digest, **arrays, path=path)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error})") from None


def _verify(raw: NDArray[np.uint8], path: Path) -> None:
    if raw[: len(MAGIC)].tobytes() != MAGIC:
        raise DataError(f"{path} is not a glyph bank of this version")
    if _crc32()(raw[:-4].data) != int.from_bytes(raw[-4:].tobytes(), "little"):
        raise DataError(f"{path} is damaged (its checksum is wrong)")
