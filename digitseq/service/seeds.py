"""Rows of the tables of many seeds: what lets images of different seeds be made together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.random_streams import WORDS_PER_BLOCK, Rows, table_key


class SeededRows(Rows):
    """Row b is row index[b] of the tables of seeds[b], uint64 (B,); `seed` is not used."""

    def __init__(self, index: NDArray[np.int64], seeds: NDArray[np.uint64], attempt: int = 0, scope: str = "") -> None:
        super().__init__(0, index, attempt, scope)
        self.seeds = seeds

    def again(self, positions: NDArray[np.int64]) -> Rows:
        """The rows at `positions` of this selection, for one more attempt."""
        return self.replace(index=self.index[positions], seeds=self.seeds[positions], attempt=self.attempt + 1)

    def uniforms(self, purpose: str, columns: int) -> NDArray[np.float64]:
        """float64 (B, columns), uniform in [0, 1)."""
        # what `Generator.random` makes of the same words; one generator for each row would take as long as the rest
        return (self.words(purpose, columns) >> 11) * np.float64(2.0**-53)

    def words(self, purpose: str, columns: int) -> NDArray[np.uint64]:
        """uint64 (B, columns), 64 random bits each."""
        found = np.empty((len(self), columns), np.uint64)
        bits = np.random.Philox(key=0)  # whose state is set for each row, as creating one takes five times as long
        state: Any = bits.state | {"buffer": (0, 0, 0, 0)}  # a tuple is read in a third of an array's time
        blocks = -(-columns // WORDS_PER_BLOCK)
        first, second = table_key(self.seeds, self.scope + purpose, self.attempt)
        for row, key, index in zip(found, zip(first.tolist(), second.tolist()), self.index.tolist()):
            state["state"] = {"key": key, "counter": (index * blocks, 0, 0, 0)}
            bits.state = state
            row[:] = bits.random_raw(columns)
        return found
