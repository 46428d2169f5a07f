"""What every source offers, and conversion between texts and code points."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from digitseq.random_streams import Rows

Codes = NDArray[np.uint32]  # (B, max_length): code points of each text, padded with 0 at the end
# Called every few milliseconds by long computations. To cancel one, it raises; the exception is passed on unchanged.
Check = Callable[[], None]


def never_cancelled() -> None:
    """The `Check` of a computation that nobody cancels."""


class Source:
    """A text for every image number, the same in every call, whichever rows are requested together.

    Text i depends on the source's own values, the seed and i only. It does not depend on `rows.attempt`: an image that
    is drawn again keeps its text.

    Every source sets `max_length` and `characters`, and has `longest` and `codes`. The rest has defaults.
    """

    max_length: int  # upper bound of the length of a text
    characters: Collection[str]  # all that can occur
    count: int | None = None  # number of different texts; None if unknown or unbounded
    period: int | None = None  # text i + period equals text i, whatever the seed; None if texts do not repeat that way
    images: int | None = None  # of a run that does not say how many; None: the usual number
    ordered: bool = False  # the order of the texts is part of the source: every run begins with text 0
    refused_setting: str = "signs"  # the setting that errors about characters without glyphs belong to

    def longest(self) -> str:
        """One of the longest texts, to test whether it fits into an image."""
        raise NotImplementedError

    def codes(self, rows: Rows) -> Codes:
        """uint32 (B, max_length): code points of each row's text, padded with 0 at the end."""
        raise NotImplementedError

    def notice(self) -> str | None:
        """A line about the source that the command line prints before a run."""
        return None

    def provenance(self) -> dict[str, str]:
        """What the texts depend on besides settings and seed, for run.json: a file's sha256, a package's version."""
        return {}

    def recorded_settings(self) -> dict[str, str]:
        """Settings that run.json holds in another form than given, such as a relative path made absolute."""
        return {}

    def refusal(self, character: str, allowed: str) -> str:
        """The error message for a `character` without a glyph; `allowed` lists the characters that have one."""
        return f"the data set has no {named(character)}, only {allowed}"

    @property
    def origin(self) -> Source:
        """The source that `settings` name, where this one only selects from its texts."""
        return self


class WrappedSource(Source):
    """A selection of the texts of `source`."""

    def __init__(self, source: Source, count: int | None) -> None:
        self.source, self.count = source, count
        self.max_length, self.characters = source.max_length, source.characters

    def longest(self) -> str:
        return self.source.longest()

    @property
    def origin(self) -> Source:
        return self.source.origin


class OffsetSource(WrappedSource):
    """Image i gets the text that image i + shift has in `source` under `seed`."""

    def __init__(self, source: Source, seed: int, shift: int) -> None:
        super().__init__(source, source.count)
        self.seed, self.shift = seed, shift

    def codes(self, rows: Rows) -> Codes:
        return self.source.codes(rows.replace(seed=self.seed, index=rows.index + self.shift))


def text_rows(rows: Rows) -> Rows:
    """The rows of the random tables of texts. They are those of attempt 0, so that a text never depends on it."""
    return rows.replace(attempt=0).scoped("text")


def encode(texts: Sequence[str], width: int) -> Codes:
    """uint32 (B, width): the code points of `texts`, padded with 0. No text may be longer than `width`."""
    return np.array(texts, f"<U{width}").view(np.uint32).reshape(len(texts), width)


def decode(codes: Codes) -> list[str]:
    """The texts of `codes`, uint32 (B, n) padded with 0."""
    texts: list[str] = np.ascontiguousarray(codes).view(f"<U{codes.shape[1]}")[:, 0].tolist()
    return texts


def named(character: str) -> str:
    """`character` for an error message, with its code point."""
    return f"{character!r} (U+{ord(character):04X})"
