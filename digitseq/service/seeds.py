"""Rows of the tables of many seeds: what lets images of different seeds be made together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.random_streams import WORDS_PER_BLOCK, Rows, table_key


@dataclass(frozen=True)
class SeededRows(Rows):
    """Row b is row index[b] of the tables of seeds[b], uint64 (B,); `seed` is not used."""

    seeds: NDArray[np.uint64] = field(kw_only=True)

    def again(self, positions: NDArray[np.int64]) -> Rows:
        """The rows at `positions` of this selection, for one more attempt."""
        return self._with(index=self.index[positions], seeds=self.seeds[positions], attempt=self.attempt + 1)

    def _table(self, draw: Callable[[np.random.Philox, int], NDArray[Any]], purpose: str, columns: int) -> NDArray[Any]:
        return np.stack([draw(bits, columns) for bits in self._generators(purpose, columns)])

    def _generators(self, purpose: str, columns: int) -> Iterator[np.random.Philox]:
        """The purpose's generator at each row: one whose state is set, as creating one takes five times as long."""
        bits = np.random.Philox(key=0)
        state: Any = bits.state
        blocks = -(-columns // WORDS_PER_BLOCK)
        first, second = table_key(self.seeds, self.scope + purpose, self.attempt)
        for key, index in zip(zip(first.tolist(), second.tolist()), self.index.tolist()):
            state["state"]["key"] = key
            state["state"]["counter"][0] = index * blocks
            bits.state = state
            yield bits
