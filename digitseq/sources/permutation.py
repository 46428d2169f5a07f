"""Keyed permutations of 0 … n-1 with random access: the place of any one number, without a table.

A Feistel network over pairs (l, r) of numbers below ⌈√n⌉ that walks on until it is inside 0 … n-1 (Black,
Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). The round function is the finaliser of
SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.streams import Rows

ROUNDS = 6
MAX_DOMAIN = 1 << 62


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """uint64 (any shape) scrambled, every value into another one."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def below(values: NDArray[np.uint64], limit: Any) -> NDArray[np.uint64]:
    """The upper 32 bits of each value as a whole number 0 … limit-1; limit at most 2³¹."""
    scaled: NDArray[np.uint64] = ((values >> np.uint64(32)) * limit) >> np.uint64(32)
    return scaled


@dataclass(frozen=True)
class Permutation:
    """One permutation for every domain size, or one for each value. `keys`: uint64 (ROUNDS, 1 or N)."""

    keys: NDArray[np.uint64]

    @classmethod
    def of(cls, rows: Rows, purpose: str) -> Permutation:
        """The permutation that the seed of `rows` has for `purpose`, the same whichever rows they are."""
        first = replace(rows, index=np.zeros(1, np.int64))
        return cls(first.words(purpose, ROUNDS).T)

    def keyed(self, names: NDArray[np.int64]) -> Permutation:
        """A permutation of its own for each of the numbers `names`, int64 (N,)."""
        return Permutation(mix(self.keys ^ mix(names.astype(np.uint64) + np.uint64(1))))

    def __call__(self, values: NDArray[np.int64], size: Any) -> NDArray[np.int64]:
        """Where `values` go: int64 (N,), each below its size. size: a number or int64 (N,), 1 … 2⁶²."""
        sizes = np.broadcast_to(np.asarray(size, np.uint64), values.shape)
        roots = _ceil_root(sizes)
        keys = np.broadcast_to(self.keys, (ROUNDS, len(values)))
        out = _network(values.astype(np.uint64), roots, keys)
        outside = np.flatnonzero(out >= sizes)
        while outside.size:
            out[outside] = _network(out[outside], roots[outside], keys[:, outside])
            outside = outside[out[outside] >= sizes[outside]]
        return out.astype(np.int64)


def _network(values: NDArray[np.uint64], root: NDArray[np.uint64], keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One pass over numbers 0 … root²-1, into numbers of the same range."""
    left, right = values // root, values % root
    for key in keys:
        total = left + below(mix(right ^ key), root)
        left, right = right, np.where(total >= root, total - root, total)
    return left * root + right


def _ceil_root(sizes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    root = np.sqrt(sizes.astype(np.float64)).astype(np.uint64)
    root += root * root < sizes
    return root
