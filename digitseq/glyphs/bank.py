"""The glyph bank: all glyphs of one split, as inked columns in one flat array."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import DataError
from digitseq.glyphs.alphabet import classes
from digitseq.glyphs.array_file import read_arrays, write_arrays
from digitseq.glyphs.glyph_columns import GlyphColumns
from digitseq.glyphs.strokes import SIGNS
from digitseq.random_streams import Rows

MAGIC = b"digitseq glyph bank 2\n"
_OF_GLYPHS = ("start", "width", "top", "bottom", "label", "pen")
_ARRAYS = ("columns", "start", "width", "top", "bottom", "label", "class_start", "pen")


@dataclass(frozen=True, eq=False)
class GlyphBank:
    """Glyphs sorted by class; the ink of glyph g is `columns[start[g] : start[g] + width[g]]`.

    columns: uint8 (T, height), one row per pixel column, top to bottom, 0 paper … 255 ink
    start: int64 (N,); width, top, bottom: uint8 or uint16 (N,), the ink rows are top … bottom-1
    label: uint8 (N,), index into `characters`; class_start: int64 (C+1,), the glyphs of class c are
    class_start[c] … class_start[c+1]-1
    pen: uint8 (N,), the number of the pen in `signs.PENS` that is as wide as the glyph's strokes
    digest: identifies the source files, hex; path: the file behind the arrays, or None; origin: of a bank that was
    made of another one, the function and its arguments
    cases, signs: how many classes were added to those of the data set: letters in their other case (see
    `letter_cases`) and, after them, drawn signs; complete: the bank that has all of them, too, or None

    A bank with a path is pickled as that path, so that worker processes share the pages of the file.
    """

    written: ClassVar[Literal[False]] = False  # with a pen, see `PenBank`
    factor: ClassVar[float] = 1  # size of the glyphs over that of the source files, see `ScaledBank`

    characters: str
    digest: str
    columns: NDArray[np.uint8]
    start: NDArray[np.int64]
    width: NDArray[np.unsignedinteger[Any]]
    top: NDArray[np.unsignedinteger[Any]]
    bottom: NDArray[np.unsignedinteger[Any]]
    label: NDArray[np.uint8]
    class_start: NDArray[np.int64]
    pen: NDArray[np.uint8]
    cases: int = 0
    signs: int = 0
    complete: GlyphBank | None = None
    path: Path | None = None
    origin: tuple[Any, ...] | None = None

    def __len__(self) -> int:
        return len(self.start)

    @property
    def height(self) -> int:
        """Height of a glyph in pixels."""
        return int(self.columns.shape[1])

    @property
    def widest(self) -> int:
        """Width of the widest glyph, in pixels."""
        return int(self.width.max())

    @property
    def tallest(self) -> int:
        """Height of the tallest glyph's ink, in pixels."""
        return int((self.bottom - self.top).max())

    def pick(self, glyph: NDArray[np.int64]) -> GlyphColumns:
        """Glyphs (…), in an array of any shape; their boxes are int64 (…)."""
        width, top, bottom = (array.take(glyph).astype(np.int64) for array in (self.width, self.top, self.bottom))
        return GlyphColumns(self.columns, self.start.take(glyph), width, top, bottom)

    @property
    def own(self) -> int:
        """Number of classes of the data set itself: the first ones."""
        return len(self.characters) - self.cases - self.signs

    @property
    def other_cases(self) -> str:
        """The classes that `with_cases` adds."""
        whole = self.with_signs()
        return whole.characters[len(self.characters) : whole.own + whole.cases]

    def with_cases(self) -> GlyphBank:
        """The same glyphs and those of letters in their other case, as further classes. Shares all arrays."""
        whole = self.with_signs()
        return whole._first(whole.own + whole.cases) if self.other_cases else self

    def with_signs(self) -> GlyphBank:
        """The same with the glyphs of the signs that the data set lacks, as further classes. Shares all arrays."""
        return self.complete or self

    def bare(self) -> GlyphBank:
        """The glyphs of the data set only, with all arrays shared."""
        return self._first(self.own)

    def _first(self, classes: int) -> GlyphBank:
        """The first `classes`, those of the data set at least."""
        count = int(self.class_start[classes])
        return replace(
            self,
            characters=self.characters[:classes],
            class_start=self.class_start[: classes + 1],
            cases=min(self.cases, classes - self.own),
            signs=0,
            complete=self.with_signs(),
            **{name: getattr(self, name)[:count] for name in _OF_GLYPHS},
        )

    def grouped(self, glyphs: Sequence[NDArray[np.int64]], **changes: Any) -> GlyphBank:
        """A bank whose class c has these glyphs of this one, glyphs[c] (n,), with `changes` of other fields."""
        chosen, sizes = np.concatenate(glyphs), [len(some) for some in glyphs]
        arrays = {name: getattr(self, name)[chosen] for name in _OF_GLYPHS}
        arrays["label"] = np.repeat(np.arange(len(sizes), dtype=np.uint8), sizes)
        class_start = np.cumsum([0, *sizes], dtype=np.int64)
        return replace(self, class_start=class_start, complete=None, **arrays, **changes)

    def share(self, low: float, high: float) -> GlyphBank:
        """The glyphs of every class from fraction `low` to `high` of a fixed random order, the same for every seed.

        Shares with disjoint fractions have no glyph in common, and those of 0 … f and f … 1 together have all
        glyphs. Both have glyphs of every class that has at least two. `columns` is shared with this bank.
        """
        if self.cases or self.signs:
            return self.bare().share(low, high)
        from digitseq.glyphs.letter_layout import other_cases  # as `build_bank`: a bank opens sooner without

        whole = self.with_signs()
        # A stable sort of a random order by class: random within every class, and the same on every machine.
        order = np.argsort(Rows.span(0, 0, len(self)).words("share", 1)[:, 0], kind="stable")
        order = order[np.argsort(self.label[order], kind="stable")]
        classes = pairwise(self.class_start.tolist())
        chosen = [np.sort(order[_cut(first, end, low) : _cut(first, end, high)]) for first, end in classes]
        # the glyphs of a letter are those of its other case: a share has the same of both
        start, sources = whole.class_start, other_cases(self.characters).values() if whole.cases else ()
        chosen += [chosen[c] - start[c] + start[self.own + k] for k, c in enumerate(sources)]
        # signs are drawn, and no glyphs of the data set: every share has all of them
        chosen += [np.arange(first, end) for first, end in pairwise(start[len(chosen) :].tolist())]
        digest = hashlib.sha256(f"{self.digest} {low} {high}".encode()).hexdigest()
        return whole.grouped(chosen, digest=digest, path=None, origin=(GlyphBank.share, self, low, high)).bare()

    def __reduce__(self) -> tuple[Any, ...]:
        if self.cases or self.signs:
            return (GlyphBank.with_signs if self.signs else GlyphBank.with_cases), (self.bare(),)
        # A share is taken again by each worker, out of the file that all of them map.
        if self.origin is not None:
            return self.origin[0], self.origin[1:]
        if self.path is not None:
            return open_bank, (self.path, self.digest)
        whole = self.with_signs()
        return _bank_of, (*_about(whole).values(), [getattr(whole, name) for name in _ARRAYS])


def _about(bank: GlyphBank) -> dict[str, Any]:
    """What belongs to the arrays of a bank."""
    return {name: getattr(bank, name) for name in ("characters", "digest", "cases", "signs")}


def _bank_of(
    characters: str, digest: str, cases: int, signs: int, arrays: list[Any], path: Path | None = None
) -> GlyphBank:
    """The bank without added classes. arrays: in the order of `_ARRAYS`, with them."""
    return GlyphBank(characters, digest, **dict(zip(_ARRAYS, arrays)), cases=cases, signs=signs, path=path).bare()


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
    from digitseq.glyphs.signs import pen_numbers

    trimmed, boxes = zip(*map(_trimmed, pieces))
    columns = np.concatenate(trimmed)
    width, top, bottom = np.concatenate(boxes, axis=1)
    start = np.cumsum(width, dtype=np.int64) - width
    pen, inked = np.zeros(len(width), np.uint8), width > 0
    pen[inked] = pen_numbers(columns, start[inked], width[inked])
    # Only the glyphs are sorted by class: their columns stay in the order of the source files.
    order = np.argsort(labels, kind="stable")
    order = order[width[order] > 0]
    label = labels[order].astype(np.uint8)
    class_start = np.searchsorted(label, np.arange(len(characters) + 1)).astype(np.int64)
    start, width, top, bottom = start[order], width[order], top[order], bottom[order]
    return _with_drawn_signs(
        GlyphBank(characters, digest, columns, start, width, top, bottom, label, class_start, pen[order])
    )


def _with_drawn_signs(bank: GlyphBank) -> GlyphBank:
    """`bank` with a `complete` bank."""
    from digitseq.glyphs.signs import SIZE

    signs = "".join(sign for sign in SIGNS if sign not in classes(bank.characters))
    drawn = [_drawn_sign(sign, bank.height) for sign in signs]
    columns, width, top, bottom = (np.concatenate(parts) for parts in zip(*drawn))
    start = len(bank.columns) + np.cumsum(width, dtype=np.int64) - width
    number = np.repeat(np.arange(len(signs)), SIZE)
    label = (len(bank.characters) + number).astype(np.uint8)
    class_start = len(bank) + SIZE * np.arange(1, len(signs) + 1)
    added = (columns, start, width, top, bottom, label, class_start, np.zeros(len(number), np.uint8))
    arrays = [np.concatenate([getattr(bank, name), values]) for name, values in zip(_ARRAYS, added)]
    return _bank_of(bank.characters + signs, bank.digest, 0, len(signs), arrays)


@lru_cache(maxsize=2 * len(SIGNS))
def _drawn_sign(sign: str, height: int) -> tuple[NDArray[np.uint8], ...]:
    """The columns of all variants of a sign, (T, height); width, top and bottom (signs.SIZE,) of their ink."""
    from digitseq.glyphs.signs import sign_glyphs

    columns, boxes = _trimmed(sign_glyphs(sign, height))
    return columns, *boxes


def _trimmed(images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The inked columns (T, height) of glyphs; width, top and bottom of their ink (3, n), all 0 if there is none."""
    from digitseq.glyphs.ink_extent import ink_box  # a bank opens sooner without

    turned = np.ascontiguousarray(images.transpose(0, 2, 1))
    left, right, top, bottom = ink_box(turned)
    column = np.arange(turned.shape[1])
    inside = (column >= left[:, None]) & (column < right[:, None])
    return turned[inside], np.array([right - left, top, bottom], np.uint8)


def save_bank(bank: GlyphBank, path: Path) -> None:
    """Write `bank` to `path` atomically. Raises `OSError`."""
    bank = bank.with_signs()
    write_arrays(path, MAGIC, _about(bank), {name: getattr(bank, name) for name in _ARRAYS})


def open_bank(path: Path, digest: str) -> GlyphBank:
    """The bank in `path`, memory-mapped; raises as `read_arrays` does."""
    header, arrays = read_arrays(path, MAGIC, digest)
    try:
        # banks of earlier releases have no other cases
        cases, signs = header.get("cases", 0), header["signs"]
        return _bank_of(header["characters"], digest, cases, signs, [arrays[name] for name in _ARRAYS], path)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error})") from None
