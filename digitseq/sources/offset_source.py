"""The texts of a source, shifted to other image numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from digitseq.random_streams import Rows
from digitseq.sources.base import Codes, Source, WrappedSource


@dataclass(frozen=True)
class OffsetSource(WrappedSource):
    """Image i gets the text that image i + shift has in `source` under `seed`."""

    source: Source
    seed: int
    shift: int

    @property
    def count(self) -> int | None:
        return self.source.count

    def codes(self, rows: Rows) -> Codes:
        return self.source.codes(replace(rows, seed=self.seed, index=rows.index + self.shift))
