"""The source files of a glyph bank: idx files, what their labels mean, and how their glyphs are oriented.

The glyphs of a bank are 28 pixels high. Smaller glyphs are padded evenly above and below, unscaled; larger ones are
scaled down, by area, until the longer side is 28.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import DataError
from digitseq.glyphs.bank import GlyphBank, build_bank
from digitseq.glyphs.catalog import SIDE
from digitseq.glyphs.checksums import sha256_of
from digitseq.glyphs.idx import open_idx
from digitseq.glyphs.letter_layout import ALIKE
from digitseq.glyphs.strokes import SIGNS

PIECE_PIXELS = 1 << 23  # glyphs are read in pieces of about this size, to save memory
PIECE_LABELS = 1 << 12
MAX_SIDE = 1024
MAX_GLYPHS = 10_000_000
MAX_CLASSES = 256 - len(ALIKE) - len(SIGNS)  # of a folder of the user's own: a class is a byte, of added ones, too
MAX_LABEL_COLUMNS = 1024


@dataclass(frozen=True)
class GlyphFiles:
    """The files of a split and how to read them.

    pairs: images and labels, one pair per split ("all" has two); labels: the number that stands for each of
    `characters` in the label files, ascending; transposed: whether rows and columns are swapped; digest: identifies
    the contents of the files and the rest of this; bank: file name of the bank in the cache; published: expected
    sha256 of each file that has one; counts: expected number of glyphs of files without one; remedy: advice for error
    messages.
    """

    pairs: tuple[tuple[Path, Path], ...]
    characters: str
    labels: tuple[int, ...]
    transposed: bool
    digest: str
    bank: str
    published: dict[Path, str] = field(default_factory=dict)
    counts: dict[Path, int] = field(default_factory=dict)
    remedy: str = ""

    def build(self) -> GlyphBank:
        """The bank, in memory. Raises `DataError` when a file is damaged or images and labels do not match."""
        try:
            for path, expected in self.published.items():
                if (found := sha256_of(path)) != expected:
                    problem = f"is damaged (sha256 {found[:12]}…, expected {expected[:12]}…)"
                    raise DataError(f"{path} {problem}: {self.remedy}")
            classes = np.concatenate([self._classes(*pair) for pair in self.pairs])
            bank = build_bank(self._images(), classes, self.characters, self.digest) if len(classes) else None
        except OSError as error:
            raise DataError(f"cannot read {error.filename} ({error.strerror}): {self.remedy}") from None
        if not bank:
            raise DataError(f"{self.pairs[0][0]}: no glyph has any ink")
        return bank

    def _classes(self, images: Path, labels: Path) -> NDArray[np.int64]:
        """int64 (N,): the class of every glyph of one pair."""
        with open_idx(images, (3,)) as file:
            count = file.shape[0]
        # A gzip file can promise a thousand times its size: refused before memory is taken for labels.
        if count > MAX_GLYPHS:
            raise DataError(f"{images}: {count:,} images, {MAX_GLYPHS:,} are possible")
        expected = self.counts.get(images, count)
        with open_idx(labels, (1, 2)) as file:
            for path, length, noun in ((images, count, "images"), (labels, file.shape[0], "labels")):
                if length != expected:
                    raise DataError(f"{path}: {length:,} {noun}, expected {expected:,}: {self.remedy}")
            if file.dtype.kind not in "iu":
                raise DataError(f"{labels}: labels must be integers, these are {file.dtype.name}")
            columns = math.prod(file.shape[1:])
            if not 1 <= columns <= MAX_LABEL_COLUMNS:
                raise DataError(f"{labels}: {columns:,} values a label, 1 to {MAX_LABEL_COLUMNS:,} are possible")
            # QMNIST's labels have more columns than the class: writer, serial number, ...
            firsts = [piece.reshape(-1, columns)[:, 0].astype(np.int64) for piece in file.pieces(PIECE_LABELS)]
        return self._class_of(np.concatenate([np.empty(0, np.int64), *firsts]), labels)

    def _class_of(self, values: NDArray[np.int64], path: Path) -> NDArray[np.int64]:
        known = np.array(self.labels)
        place: NDArray[np.int64] = np.searchsorted(known, values).clip(max=len(known) - 1)
        if (wrong := np.flatnonzero(known[place] != values)).size:
            raise DataError(
                f"{path}: label {values[wrong[0]]} (item {wrong[0] + 1:,}) "
                f"is not one of the {len(known)} known labels, {known[0]} to {known[-1]}"
            )
        return place

    def _images(self) -> Iterator[NDArray[np.uint8]]:
        for path, _ in self.pairs:
            with open_idx(path, (3,)) as file:
                _, height, width = file.shape
                if file.dtype != np.uint8 or not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
                    raise DataError(
                        f"{path}: glyphs must be bytes, 1 to {MAX_SIDE:,} pixels high and wide; these are "
                        f"{file.dtype.name}, {height} high and {width} wide"
                    )
                for piece in file.pieces(max(PIECE_PIXELS // (height * width), 1)):
                    yield fit(piece.transpose(0, 2, 1) if self.transposed else piece)


def fit(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Glyphs uint8 (N, h, w) of any size as uint8 (N, 28, W), W at most 28 where h or w was more."""
    height, width = images.shape[1:]
    if (longer := max(height, width)) > SIDE:
        height, width = (max(round(side * SIDE / longer), 1) for side in (height, width))
        images = area_scaled(images, height, width)
    if height == SIDE:
        return images
    above = (SIDE - height) // 2
    return np.pad(images, ((0, 0), (above, SIDE - height - above), (0, 0)))


def area_scaled(images: NDArray[np.uint8], new_height: int, new_width: int) -> NDArray[np.uint8]:
    """uint8 (N, new_height, new_width): images uint8 (N, h, w) scaled down. A pixel is the mean of what it covers."""
    height, width = images.shape[1:]
    rows, columns = _overlaps(height, new_height), _overlaps(width, new_width)
    # The sums are integers far below 2**53, exact in any order of addition: all machines get the same bytes.
    sums = rows @ images.astype(np.float64) @ columns.T
    scaled: NDArray[np.uint8] = np.rint(sums / (height * width)).astype(np.uint8)
    return scaled


def _overlaps(old: int, new: int) -> NDArray[Any]:
    """float64 (new, old): how much of each old pixel lies in each new one, in units of 1/new of an old pixel."""
    old_edges, new_edges = np.arange(old + 1) * new, np.arange(new + 1) * old
    low = np.maximum(old_edges[None, :-1], new_edges[:-1, None])
    high = np.minimum(old_edges[None, 1:], new_edges[1:, None])
    return (high - low).clip(0).astype(np.float64)
