"""Rows of the tables of many seeds: what lets images of different seeds be made together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.random_streams import WORDS_PER_BLOCK, Rows, table_key


@dataclass(frozen=True)
class SeededRows(Rows):
    """Row b is row index[b] of the tables of seeds[b]; `seed` is not used."""

    seeds: tuple[int, ...] = ()

    def again(self, positions: NDArray[np.int64]) -> Rows:
        """The rows at `positions` of this selection, for one more attempt."""
        seeds = tuple(self.seeds[place] for place in positions.tolist())
        return SeededRows(self.seed, self.index[positions], self.attempt + 1, self.scope, seeds)

    def uniforms(self, purpose: str, columns: int) -> NDArray[np.float64]:
        """float64 (B, columns), uniform in [0, 1)."""
        if len(self) == 1:
            return self._only().uniforms(purpose, columns)
        table = np.empty((len(self), columns))
        for row, bits in zip(table, self._generators(purpose, columns)):
            np.random.Generator(bits).random(out=row)
        return table

    def words(self, purpose: str, columns: int) -> NDArray[np.uint64]:
        """uint64 (B, columns), 64 random bits each."""
        if len(self) == 1:
            return self._only().words(purpose, columns)
        table = np.empty((len(self), columns), np.uint64)
        for row, bits in zip(table, self._generators(purpose, columns)):
            row[:] = bits.random_raw(columns)
        return table

    @cached_property
    def _seed_array(self) -> NDArray[np.uint64]:
        """Made once: `scoped` copies it with everything else."""
        return np.array(self.seeds, np.uint64)

    def _only(self) -> Rows:
        return Rows(self.seeds[0], self.index, self.attempt, self.scope)

    def _generators(self, purpose: str, columns: int) -> Iterator[np.random.Philox]:
        """The purpose's generator at each row: one whose state is set, as creating one takes five times as long."""
        bits = np.random.Philox(key=0)
        state: Any = bits.state
        blocks = -(-columns // WORDS_PER_BLOCK)
        first, second = table_key(self._seed_array, self.scope + purpose, self.attempt)
        for key, index in zip(zip(first.tolist(), second.tolist()), self.index.tolist()):
            state["state"]["key"] = key
            state["state"]["counter"][0] = index * blocks
            bits.state = state
            yield bits
