"""What a source is, and texts as code points and back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from digitseq.random_streams import Rows

Codes = NDArray[np.uint32]  # (B, max_length): code points of each text, padded with 0 at the end
# Called every few milliseconds by work that can take long; what it raises ends the work and is passed on as it is.
Check = Callable[[], None]


def carry_on() -> None:
    """The `Check` of work that nobody stops."""


class Source(Protocol):
    """A text for every image number, the same at every call, whichever rows are asked for together.

    Text i depends on the source's own values, the seed and i alone: not on `rows.attempt`, as an image that is
    drawn again keeps its text.
    """

    @property
    def max_length(self) -> int:
        """No text has more characters."""

    @property
    def count(self) -> int | None:
        """How many different texts there are; None when that is not known, or without bound."""

    @property
    def characters(self) -> Collection[str]:
        """Every character that can occur."""

    def longest(self) -> str:
        """One of the longest texts, to see whether an image can hold it."""

    def codes(self, rows: Rows) -> Codes:
        """uint32 (B, max_length): code points of each row's text, padded with 0 at the end."""


class Derived:
    """What a source has in common with `source`, whose texts it has for other images."""

    source: Source

    @property
    def max_length(self) -> int:
        return self.source.max_length

    @property
    def characters(self) -> Collection[str]:
        return self.source.characters

    def longest(self) -> str:
        return self.source.longest()


def text_rows(rows: Rows) -> Rows:
    """The rows of the tables that texts are drawn from: those of the first attempt, whatever attempt `rows` is."""
    return replace(rows, attempt=0).scoped("text")


def encode(texts: Sequence[str], width: int) -> Codes:
    """uint32 (B, width): the texts' code points, padded with 0. No text may be longer than `width`."""
    return np.array(texts, f"<U{width}").view(np.uint32).reshape(len(texts), width)


def decode(codes: Codes) -> list[str]:
    """The texts behind `codes`, uint32 (B, n) padded with 0."""
    texts: list[str] = np.ascontiguousarray(codes).view(f"<U{codes.shape[1]}")[:, 0].tolist()
    return texts
