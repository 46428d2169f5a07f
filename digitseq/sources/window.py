"""The texts of a source for other images than its own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from digitseq.sources.base import Codes, Source
from digitseq.streams import Rows


@dataclass(frozen=True)
class Window:
    """Image i gets the text that image i + shift has in `source` under `seed`."""

    source: Source
    seed: int
    shift: int

    @property
    def max_length(self) -> int:
        return self.source.max_length

    @property
    def count(self) -> int | None:
        return self.source.count

    @property
    def characters(self) -> Collection[str]:
        return self.source.characters

    def longest(self) -> str:
        return self.source.longest()

    def codes(self, rows: Rows) -> Codes:
        return self.source.codes(replace(rows, seed=self.seed, index=rows.index + self.shift))
