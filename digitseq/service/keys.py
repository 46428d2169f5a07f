"""The keys of many seeds at once, as `numpy.random.SeedSequence` derives them, whose results NumPy promises to keep.

The hash is that of M. E. O'Neill, "Developing a seed_seq Alternative" (2015): words of 32 bits, a pool of four.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

POOL = 4
INIT_A, MULT_A = 0x43B0D7E5, 0x931E8875
INIT_B, MULT_B = 0x8B51F9DD, 0x58F38DED
MIX_L, MIX_R = np.uint32(0xCA01F9DD), np.uint32(0x4973F715)
SHIFT = np.uint32(16)
Words = NDArray[np.uint32]


class Keys:
    """The keys of `seeds`, whole numbers below 2**64, for any table."""

    def __init__(self, seeds: tuple[int, ...]) -> None:
        words = np.array(seeds, np.uint64).view(np.uint32).reshape(-1, 2).T
        if not np.little_endian:
            words = words[::-1]
        self._pool = np.zeros((POOL, len(seeds)), np.uint32)
        self._pool[:2] = words
        self._pool = _hashed(self._pool, 0)
        for source in range(POOL):
            others = [place for place in range(POOL) if place != source]
            hashed = _hashed(self._pool[source], POOL + 3 * source, 3)
            self._pool[others] = _mixed(self._pool[others], hashed)

    def of(self, table: int, attempt: int) -> NDArray[np.uint64]:
        """uint64 (B, 2): the key of each seed for the spawn key (table, attempt), each below 2**32."""
        pool = self._pool
        for place, word in enumerate((table, attempt)):
            pool = _mixed(pool, _hashed(np.array(word, np.uint32), POOL * (POOL + place), POOL))
        state = _scrambled(pool, _B)
        if not np.little_endian:
            state = state[[1, 0, 3, 2]]
        return np.ascontiguousarray(state.T).view(np.uint64)


def _powers(first: int, factor: int, count: int) -> Words:
    """uint32 (count, 1): first, first·factor, first·factor², …"""
    values = [first]
    while len(values) < count:
        values.append(values[-1] * factor & 0xFFFFFFFF)
    return np.array(values, np.uint32)[:, None]


_A = _powers(INIT_A, MULT_A, POOL * POOL + 2 * POOL + 1)
_B = _powers(INIT_B, MULT_B, POOL + 1)


def _hashed(words: Words, used: int, times: int = POOL) -> Words:
    """`words` hashed with `times` constants in a row, after those that were used before."""
    return _scrambled(words, _A[used : used + times + 1])


def _scrambled(words: Words, constants: Words) -> Words:
    mixed = (words ^ constants[:-1]) * constants[1:]
    return np.asarray(mixed ^ (mixed >> SHIFT), np.uint32)


def _mixed(pool: Words, hashed: Words) -> Words:
    mixed = MIX_L * pool - MIX_R * hashed
    return np.asarray(mixed ^ (mixed >> SHIFT), np.uint32)
