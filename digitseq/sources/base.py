"""What every source offers, and conversion between texts and code points."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from digitseq.random_streams import Rows

Codes = NDArray[np.uint32]  # (B, max_length): code points of each text, padded with 0 at the end
# Called every few milliseconds by long computations. To cancel one, it raises; the exception is passed on unchanged.
Check = Callable[[], None]


def never_cancelled() -> None:
    """The `Check` of a computation that nobody cancels."""


class Source(ABC):
    """A text for every image number, the same in every call, whichever rows are requested together.

    Text i depends on the source's own values, the seed and i only. It does not depend on `rows.attempt`: an image that
    is drawn again keeps its text.

    Only `max_length`, `characters`, `longest` and `codes` must be defined; the other properties have defaults.
    """

    @property
    @abstractmethod
    def max_length(self) -> int:
        """Upper bound of the length of a text."""

    @property
    @abstractmethod
    def characters(self) -> Collection[str]:
        """Every character that can occur."""

    @abstractmethod
    def longest(self) -> str:
        """One of the longest texts, to test whether it fits into an image."""

    @abstractmethod
    def codes(self, rows: Rows) -> Codes:
        """uint32 (B, max_length): code points of each row's text, padded with 0 at the end."""

    @property
    def count(self) -> int | None:
        """How many different texts there are; None if unknown or unbounded."""
        return None

    @property
    def period(self) -> int | None:
        """Text i + period equals text i, whatever the seed; None if the texts do not repeat that way."""
        return None

    @property
    def ordered(self) -> bool:
        """Whether the order of the texts is part of the source, so that every run begins with text 0."""
        return False

    @property
    def notice(self) -> str | None:
        """A line about the source that the command line prints before a run."""
        return None

    @property
    def provenance(self) -> Mapping[str, str]:
        """What the texts depend on besides settings and seed, for run.json: a file's sha256, a package's version."""
        return {}

    @property
    def recorded_settings(self) -> Mapping[str, object]:
        """Settings that run.json holds in another form than given, such as a relative path made absolute."""
        return {}

    def refusal(self, character: str, allowed: str) -> str:
        """The error message for a `character` without a glyph; `allowed` lists the characters that have one."""
        return f"the data set has no {named(character)}, only {allowed}"

    @property
    def refused_setting(self) -> str:
        """The setting to which that error belongs."""
        return "gaps"


class WrappedSource(Source):
    """Rearranges the texts of `source`: everything but `count` and `codes` is taken from it."""

    source: Source

    @property
    def max_length(self) -> int:
        return self.source.max_length

    @property
    def characters(self) -> Collection[str]:
        return self.source.characters

    def longest(self) -> str:
        return self.source.longest()

    @property
    def ordered(self) -> bool:
        return self.source.ordered

    @property
    def notice(self) -> str | None:
        return self.source.notice

    @property
    def provenance(self) -> Mapping[str, str]:
        return self.source.provenance

    @property
    def recorded_settings(self) -> Mapping[str, object]:
        return self.source.recorded_settings


def text_rows(rows: Rows) -> Rows:
    """The rows of the random tables of texts. They are those of attempt 0, so that a text never depends on it."""
    return replace(rows, attempt=0).scoped("text")


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
