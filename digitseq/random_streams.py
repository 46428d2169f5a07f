"""Endless tables of random numbers in which row i belongs to image i.

A table is a counter-based stream (Philox 4x64-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers:
as easy as 1, 2, 3", SC 2011), so that any row is reached at once and never depends on which rows were
asked for together. Each purpose has a table of its own.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import NDArray

Draw = Callable[[np.random.Philox, int], NDArray[Any]]
S = TypeVar("S", int, NDArray[np.uint64])
MASK = 0xFFFFFFFFFFFFFFFF  # Python's integers do not wrap around at 64 bits
GOLDEN_GAMMA = 0x9E3779B97F4A7C15
WORDS_PER_BLOCK = 4  # one step of Philox's counter yields four 64-bit words
GAP = 64  # rows between two that are asked for, which are drawn rather than passed over
KEPT_WORDS = 1 << 15  # a larger table is not drawn for a whole group of rows
SEED_BYTES = 6  # exact in JSON readers that hold numbers as doubles


def draw_seed() -> int:
    """A seed from the operating system's randomness."""
    return int.from_bytes(os.urandom(SEED_BYTES), "big")


class Rows:
    """Rows of all tables of one seed. `index`: int64 (B,), the images' numbers from 0, ascending.

    `attempt` counts how often these rows were drawn again; every attempt has tables of its own. `scope` goes
    before the purpose in a table's name. What is set does not change.
    """

    def __init__(self, seed: int, index: NDArray[np.int64], attempt: int = 0, scope: str = "") -> None:
        self.seed, self.index, self.attempt, self.scope = seed, index, attempt, scope

    @classmethod
    def span(cls, seed: int, start: int, stop: int) -> Rows:
        """The rows of images start … stop-1."""
        return cls(seed, np.arange(start, stop, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.index)

    def again(self, positions: NDArray[np.int64]) -> Rows:
        """The rows at `positions` of this selection, for one more attempt."""
        return self.replace(index=self.index[positions], attempt=self.attempt + 1)

    def scoped(self, scope: str) -> Rows:
        """The same rows of tables that only `scope` uses."""
        return self.replace(scope=f"{self.scope}{scope}/")

    def replace(self, **changes: Any) -> Rows:
        """The same with other values for some of what `__init__` takes."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, **changes)
        return other

    def uniforms(self, purpose: str, columns: int) -> NDArray[np.float64]:
        """float64 (B, columns), uniform in [0, 1)."""
        return self._table(_random, purpose, columns)

    def words(self, purpose: str, columns: int) -> NDArray[np.uint64]:
        """uint64 (B, columns), 64 random bits each."""
        return self._table(np.random.Philox.random_raw, purpose, columns)

    def _table(self, draw: Draw, purpose: str, columns: int) -> NDArray[Any]:
        """(B, columns): what `draw` makes of the purpose's generator, from each row's place in the table on."""
        if self.index[-1] - self.index[0] >= len(self) + GAP:
            # rows far apart: what lies between them is passed over
            cuts = np.flatnonzero(np.diff(self.index) > GAP) + 1
            if cuts.size:
                parts = [self.replace(index=part) for part in np.split(self.index, cuts)]
                return np.concatenate([part._table(draw, purpose, columns) for part in parts])
        first, last = int(self.index[0]), int(self.index[-1])
        count, stride = last + 1 - first, -(-columns // WORDS_PER_BLOCK) * WORDS_PER_BLOCK
        key: Any = _philox_key(self.seed, self.scope + purpose, self.attempt)
        generator = np.random.Philox(key)
        if first:
            generator.advance(first * stride // WORDS_PER_BLOCK)
        table = draw(generator, count * stride).reshape(count, stride)
        return table[self.index - first, :columns] if count != len(self) else table[:, :columns]


class GroupedRows(Rows):
    """Some rows of a group, images 0 … `count` - 1, whose tables are drawn at once and kept in `tables`.

    One row at a time then costs a look-up, as it is opening a table that takes the time. All rows of a group share
    `tables`. The numbers are those of `Rows`.
    """

    def __init__(
        self, seed: int, index: NDArray[np.int64], count: int, tables: dict[tuple[Any, ...], NDArray[Any]]
    ) -> None:
        super().__init__(seed, index)
        self.count, self.tables = count, tables

    @classmethod
    def group(cls, seed: int, count: int) -> list[GroupedRows]:
        """Each of the first `count` rows under `seed` on its own."""
        tables: dict[tuple[Any, ...], NDArray[Any]] = {}
        return [cls(seed, np.array([index]), count, tables) for index in range(count)]

    def _table(self, draw: Draw, purpose: str, columns: int) -> NDArray[Any]:
        stride = -(-columns // WORDS_PER_BLOCK) * WORDS_PER_BLOCK
        if stride * self.count > KEPT_WORDS:
            return super()._table(draw, purpose, columns)
        key = (draw, self.scope, purpose, self.attempt, stride)
        if key not in self.tables:
            whole = Rows(self.seed, np.arange(self.count), self.attempt, self.scope)
            self.tables[key] = whole._table(draw, purpose, stride)
        return self.tables[key][self.index, :columns]


def _random(generator: np.random.Philox, count: int) -> NDArray[np.float64]:
    """float64 (count,), uniform in [0, 1)."""
    return np.random.Generator(generator).random(count)


def table_key(seed: S, name: str, attempt: int) -> tuple[S, S]:
    """The two words of the Philox key of a table: of one seed, or as uint64 arrays of an array of seeds.

    seed: 0 … 2⁶⁴-1; attempt: 0 … 2³²-1. Each step can be undone given the name's hash and the attempt, so that
    different seeds, hashes or attempts never have the same key.
    """
    table = zlib.crc32(name.encode()) | attempt << 32
    first = _mix(seed + _mix(table + GOLDEN_GAMMA) & MASK)
    return first, _mix(first ^ table)


def _mix(z: Any) -> Any:
    """SplitMix64's finalizer, of an int or a uint64 array.

    Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


class _FixedKey(ISeedSequence):
    """Hands Philox its key. `Philox(key=…)` would first ask the operating system for entropy: 10 µs more."""

    def __init__(self, key: tuple[int, int]) -> None:
        self._key = np.array(key, np.uint64)

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> NDArray[Any]:
        return self._key


@lru_cache(maxsize=256)
def _philox_key(seed: int, name: str, attempt: int) -> _FixedKey:
    return _FixedKey(table_key(seed, name, attempt))
