"""Endless tables of random numbers in which row i belongs to image i.

A table is a counter-based stream (Philox 4x64-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers:
as easy as 1, 2, 3", SC 2011), so that any row is reached at once and never depends on which rows were
asked for together. Each purpose has a table of its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

WORDS_PER_BLOCK = 4  # one step of Philox's counter yields four 64-bit words
GAP = 64  # rows between two that are asked for, which are drawn rather than passed over


@dataclass(frozen=True)
class Rows:
    """Rows of all tables of one seed. `index`: int64 (B,), the images' numbers from 0, ascending.

    `attempt` counts how often these rows were drawn again; every attempt has tables of its own. `scope` goes
    before the purpose in a table's name.
    """

    seed: int
    index: NDArray[np.int64]
    attempt: int = 0
    scope: str = ""

    @classmethod
    def span(cls, seed: int, start: int, stop: int) -> Rows:
        """The rows of images start … stop-1."""
        return cls(seed, np.arange(start, stop, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.index)

    def again(self, positions: NDArray[np.int64]) -> Rows:
        """The rows at `positions` of this selection, for one more attempt."""
        return replace(self, index=self.index[positions], attempt=self.attempt + 1)

    def scoped(self, scope: str) -> Rows:
        """The same rows of tables that only `scope` uses."""
        return replace(self, scope=f"{self.scope}{scope}/")

    def uniforms(self, purpose: str, columns: int) -> NDArray[np.float64]:
        """float64 (B, columns), uniform in [0, 1)."""
        return self._table(purpose, columns, lambda generator, count: np.random.Generator(generator).random(count))

    def words(self, purpose: str, columns: int) -> NDArray[np.uint64]:
        """uint64 (B, columns), 64 random bits each."""
        return self._table(purpose, columns, lambda generator, count: generator.random_raw(count))

    def _table(self, purpose: str, columns: int, draw: Callable[[np.random.Philox, int], NDArray[Any]]) -> NDArray[Any]:
        """(B, columns): what `draw` makes of the purpose's generator, from each row's place in the table on."""
        if self.index[-1] - self.index[0] >= len(self) + GAP:
            # rows far apart: what lies between them is passed over
            cuts = np.flatnonzero(np.diff(self.index) > GAP) + 1
            if cuts.size:
                parts = [replace(self, index=part) for part in np.split(self.index, cuts)]
                return np.concatenate([part._table(purpose, columns, draw) for part in parts])
        first, last = int(self.index[0]), int(self.index[-1])
        count, stride = last + 1 - first, -(-columns // WORDS_PER_BLOCK) * WORDS_PER_BLOCK
        generator = np.random.Philox(key=_key(self.seed, self.scope + purpose, self.attempt))
        generator.advance(first * stride // WORDS_PER_BLOCK)
        table = draw(generator, count * stride).reshape(count, stride)
        return table[self.index - first, :columns] if count != len(self) else table[:, :columns]


@lru_cache(maxsize=256)
def _key(seed: int, name: str, attempt: int) -> NDArray[np.uint64]:
    """The key of a table: uint64 (2,)."""
    sequence = np.random.SeedSequence(seed, spawn_key=(zlib.crc32(name.encode()), attempt))
    key: NDArray[np.uint64] = sequence.generate_state(2, np.uint64)  # type: ignore[assignment]  # the stub says either
    return key
