"""The glyph bank: all glyphs of one split, as inked columns in one flat array.

A bank file consists of a magic line, the length of a JSON header (8 bytes, little-endian), the header, the arrays
aligned to 64 bytes, and the CRC-32 of all that (4 bytes, little-endian).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import DataError
from digitseq.files.atomic import replacing
from digitseq.lazy_imports import import_package
from digitseq.random_streams import Rows

MAGIC = b"digitseq glyph bank 1\n"
ALIGNMENT = 64
_ARRAYS = ("columns", "start", "width", "top", "bottom", "label", "class_start")


@dataclass(frozen=True)
class GlyphBank:
    """Glyphs sorted by class; the ink of glyph g is `columns[start[g] : start[g] + width[g]]`.

    columns: uint8 (T, height), one row per pixel column, top to bottom, 0 paper … 255 ink
    start: int64 (N,); width, top, bottom: uint8 (N,), the ink rows are top … bottom-1
    label: uint8 (N,), index into `characters`; class_start: int64 (C+1,), the glyphs of class c are
    class_start[c] … class_start[c+1]-1
    digest: identifies the source files, hex; path: the file behind the arrays, or None; origin: of a share, the bank
    and the two fractions that it was taken from

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
    path: Path | None = field(default=None, compare=False)
    origin: tuple[GlyphBank, float, float] | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return len(self.start)

    @property
    def height(self) -> int:
        """Height of a glyph in pixels."""
        return int(self.columns.shape[1])

    def share(self, low: float, high: float) -> GlyphBank:
        """The glyphs of every class from fraction `low` to `high` of a fixed random order, the same for every seed.

        Shares with disjoint fractions have no glyph in common, and those of 0 … f and f … 1 together have all
        glyphs. Both have glyphs of every class that has at least two. `columns` is shared with this bank.
        """
        # A stable sort of a random order by class: random within every class, and the same on every machine.
        order = np.argsort(Rows.span(0, 0, len(self)).words("share", 1)[:, 0], kind="stable")
        order = order[np.argsort(self.label[order], kind="stable")]
        classes = pairwise(self.class_start.tolist())
        chosen = [order[_cut(first, end, low) : _cut(first, end, high)] for first, end in classes]
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
        # A share is taken again by each worker, out of the file that all of them map.
        if self.origin is not None:
            return GlyphBank.share, self.origin
        if self.path is not None:
            return open_bank, (self.path, self.digest)
        return GlyphBank, (self.characters, self.digest, *(getattr(self, name) for name in _ARRAYS))


def _cut(first: int, end: int, fraction: float) -> int:
    """The index at `fraction` of first … end. Strictly between them for fractions between 0 and 1, if possible."""
    if fraction in (0, 1) or end - first < 2:
        return end if fraction == 1 else first
    return min(max(first + round(fraction * (end - first)), first + 1), end - 1)


def build_bank(
    pieces: Iterable[NDArray[np.uint8]], labels: NDArray[np.int64], characters: str, digest: str
) -> GlyphBank:
    """A bank in memory, without the glyphs that have no ink.

    pieces: uint8 (n, height, width) each, upright, of N glyphs in all; labels: int64 (N,), their classes.
    Peak memory is twice that of the inked columns.
    """
    inked, boxes = zip(*map(_trimmed, pieces))
    columns = np.concatenate(inked)
    width, top, bottom = np.concatenate(boxes, axis=1)
    start = np.cumsum(width, dtype=np.int64) - width
    # Only the glyphs are sorted by class: their columns stay in the order of the source files.
    order = np.argsort(labels, kind="stable")
    order = order[width[order] > 0]
    label = labels[order].astype(np.uint8)
    class_start = np.searchsorted(label, np.arange(len(characters) + 1)).astype(np.int64)
    start, width, top, bottom = start[order], width[order], top[order], bottom[order]
    return GlyphBank(characters, digest, columns, start, width, top, bottom, label, class_start)


def _trimmed(images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The inked columns (T, height) of glyphs; width, top and bottom of their ink (3, n), all 0 if there is none."""
    across, down = (_extent(np.any(images, axis=axis)) for axis in (1, 2))
    top = down.argmax(axis=1)
    boxes = np.array([across.sum(axis=1), top, top + down.sum(axis=1)], np.uint8)
    return images.transpose(0, 2, 1)[across], boxes


def _extent(inked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """bool, the same shape: in every row all from the first true to the last."""
    from_first = np.logical_or.accumulate(inked, axis=1)
    to_last = np.logical_or.accumulate(inked[:, ::-1], axis=1)[:, ::-1]
    return from_first & to_last


def save_bank(bank: GlyphBank, path: Path) -> None:
    """Write `bank` to `path` atomically. Raises `OSError`."""
    layout, end = {}, 0
    body: list[Any] = []
    for name in _ARRAYS:
        array = np.ascontiguousarray(getattr(bank, name))
        padding = bytes(-array.nbytes % ALIGNMENT)
        layout[name] = [array.dtype.str, array.shape, end]
        body += [array.reshape(-1).view(np.uint8), padding]
        end += array.nbytes + len(padding)
    header = json.dumps({"characters": bank.characters, "digest": bank.digest, "arrays": layout}).encode()
    header += b" " * (-(len(MAGIC) + 8 + len(header)) % ALIGNMENT)
    crc = 0
    with replacing(path) as file:
        for piece in (MAGIC, len(header).to_bytes(8, "little"), header, *body):
            file.write(piece)
            crc = _crc32(piece, crc)
        file.write(crc.to_bytes(4, "little"))


def _crc32(data: Any, before: int = 0) -> int:
    # ISA-L's, at 10 GB a second: a whole bank can be verified each time it is opened.
    return int(import_package("isal.isal_zlib", "the glyph cache").crc32(data, before))


def open_bank(path: Path, digest: str) -> GlyphBank:
    """The bank in `path`, memory-mapped, after its checksum was verified.

    Raises `DataError` when the file is damaged, truncated, or made from other source files than those of `digest`;
    `OSError` when it cannot be read.
    """
    # An empty file cannot be mapped. Neither is a pipe opened, which would wait for somebody to write: its size is 0.
    raw = np.memmap(path, np.uint8, mode="r") if path.stat().st_size else np.empty(0, np.uint8)
    if raw[: len(MAGIC)].tobytes() != MAGIC:
        raise DataError(f"{path} is not a glyph bank of this version")
    if _crc32(raw[:-4].data) != int.from_bytes(raw[-4:].tobytes(), "little"):
        raise DataError(f"{path} is damaged (its checksum is wrong)")
    try:
        size = int.from_bytes(raw[len(MAGIC) :][:8].tobytes(), "little")
        body = len(MAGIC) + 8 + size
        header = json.loads(raw[len(MAGIC) + 8 : body].tobytes())
        if header["digest"] != digest:
            raise DataError(f"{path} was made from other source files")
        arrays: dict[str, Any] = {}
        for name in _ARRAYS:
            dtype, shape, offset = header["arrays"][name]
            # frombuffer: a slice of a memmap is a memmap again, and indexing that is a microsecond slower
            arrays[name] = np.frombuffer(raw, dtype, math.prod(shape), body + offset).reshape(shape)
        return GlyphBank(header["characters"], digest, **arrays, path=path)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error})") from None
