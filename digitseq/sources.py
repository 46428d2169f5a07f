"""What to write: each source gives the text of every image as code points."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from digitseq.streams import Rows


class Source(Protocol):
    """A text for every image number, the same at every call."""

    @property
    def max_length(self) -> int:
        """Characters in the longest text."""

    def codes(self, rows: Rows) -> NDArray[np.uint32]:
        """uint32 (B, n), n ≤ max_length: code points of each row's text, padded with 0 at the end."""


class FixedSource:
    """The same text for every image."""

    def __init__(self, text: str) -> None:
        self._codes = np.array([ord(c) for c in text], np.uint32)

    @property
    def max_length(self) -> int:
        return len(self._codes)

    def codes(self, rows: Rows) -> NDArray[np.uint32]:
        return np.broadcast_to(self._codes, (len(rows), self.max_length))


def decode(codes: NDArray[np.uint32]) -> list[str]:
    """The texts behind `codes`, uint32 (B, n) padded with 0."""
    texts: list[str] = np.ascontiguousarray(codes).view(f"<U{codes.shape[1]}")[:, 0].tolist()
    return texts
