"""Random digits of a whole run at once: all different, every character equally often, or both."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.random_streams import Rows
from digitseq.sources.base import Check, Codes, Derived, carry_on
from digitseq.sources.random_digits import RandomDigits
from digitseq.sources.table_size import check_count, check_memory

BYTES_A_TEXT, BYTES_A_CHARACTER = 40, 4  # while the table is made; 8 and 1 stay
PREFIX_SPACE = 1 << 48  # texts are kept apart by as many first characters as have no more values than this
BLOCK = 1 << 20
Glyphs = NDArray[Any]  # places among the characters: unsigned


class DealtDigits(Derived):
    """The texts of a run of `size` images under `seed`, whose lengths are as even as there are texts; later images
    have them again.

    unique: all are different. balanced: every character occurs equally often, to within one.

    A table of one byte a character and 8 a text. Pickles as the arguments, and is made again from them: the seed of
    the rows that it is asked for is not used. Raises `SettingsError` when there are not so many texts, or the table
    would not fit into memory.
    """

    source: RandomDigits

    def __init__(
        self, source: RandomDigits, size: int, seed: int, unique: bool, balanced: bool, check: Check = carry_on
    ) -> None:
        if unique:
            check_count(source.count, size)
        middle = (source.minimum + source.maximum) // 2
        check_memory(size, BYTES_A_TEXT + BYTES_A_CHARACTER * middle, "unique" if unique else "balanced")
        self.source, self.size, self.seed, self.unique, self.balanced = source, size, seed, unique, balanced
        base, lengths = len(source.characters), source.lengths
        quotas = _shares(size, [base**n if unique else size for n in lengths])
        deal = _deal_different if unique else _deal_balanced
        parts = []
        for part in deal(base, lengths, quotas, balanced, self._words):
            check()
            parts.append(part.ravel())
        self._glyphs = np.concatenate(parts)
        ends = np.cumsum([quota * n for quota, n in zip(quotas, lengths)])
        self._bounds = np.concatenate([[0], ends])
        first = [np.arange(quota) * n + begin for quota, n, begin in zip(quotas, lengths, self._bounds)]
        check()
        self._first = np.concatenate(first)[np.argsort(self._words("order", size))]
        check()

    def __reduce__(self) -> tuple[type[DealtDigits], tuple[RandomDigits, int, int, bool, bool]]:
        return DealtDigits, (self.source, self.size, self.seed, self.unique, self.balanced)

    @property
    def count(self) -> int | None:
        return self.size if self.unique else None

    def codes(self, rows: Rows) -> Codes:
        first = self._first[rows.index % self.size]
        length = self.source.minimum + np.searchsorted(self._bounds[1:], first, side="right")
        column = np.arange(self.max_length)
        glyphs = self._glyphs.take(first[:, None] + column, mode="clip")
        codes: Codes = self.source.table[glyphs] * (column < length[:, None])
        return codes

    def _words(self, purpose: str, count: int) -> NDArray[np.uint64]:
        """uint64 (count,), 64 random bits each."""
        words: NDArray[np.uint64] = Rows(self.seed, np.zeros(1, np.int64), scope="dealt/").words(purpose, count)[0]
        return words


Words = Callable[[str, int], NDArray[np.uint64]]


def _shares(total: int, capacities: Sequence[int]) -> list[int]:
    """`total` shared out as evenly as the ascending capacities allow."""
    shares = []
    for place, capacity in enumerate(capacities):
        share = min(capacity, total // (len(capacities) - place))
        shares.append(share)
        total -= share
    return shares


def _deal_balanced(
    base: int, lengths: Sequence[int], quotas: Sequence[int], balanced: bool, words: Words
) -> Iterator[Glyphs]:
    """The characters 0, 1, … base-1, 0, 1, … shuffled."""
    total = sum(quota * n for quota, n in zip(quotas, lengths))
    for place in range(0, total, BLOCK):
        count = min(BLOCK, total - place)
        glyphs = ((np.arange(count) + place) % base).astype(_kind(base))
        yield glyphs[np.argsort(words(f"shuffle {place}", count))]


def _deal_different(
    base: int, lengths: Sequence[int], quotas: Sequence[int], balanced: bool, words: Words
) -> Iterator[Glyphs]:
    """For each length its texts, (quota, n), all different.

    balanced: with a text come all that it becomes by replacing every character by the next one, round: in these
    `base` texts all characters occur equally often. The few texts that are left over are such a part of one text's
    round as has all characters equally often, too.
    """
    turns, begin = base if balanced else 1, 0
    for n, quota in zip(lengths, quotas):
        rounds, left = divmod(quota, turns)
        last = _level(n, left, base, begin, words) if left else np.zeros(n, np.int64)
        begin = (begin + n * left) % base
        own = (last - last[0]) % base if left else None
        firsts = _distinct(n, rounds, base, balanced, own, words)
        texts = (firsts[:, None, :] + np.arange(turns, dtype=np.uint16)[:, None]) % base
        yield np.concatenate([texts.reshape(-1, n), (last + np.arange(left)[:, None]) % base]).astype(_kind(base))


def _kind(base: int) -> np.dtype[Any]:
    """What a character takes in the table: one byte of 256 and fewer."""
    return np.min_scalar_type(base - 1)


def _level(n: int, left: int, base: int, begin: int, words: Words) -> NDArray[np.int64]:
    """int64 (n,): a text that, with the `left`-1 next ones of its round, has all characters equally often, counting
    round from `begin`."""
    cycle = base // math.gcd(left, base)  # so many places have all characters equally often, wherever they begin
    draws = words(f"level {n}", 2 * n)
    starts = (draws[:n] % np.uint64(base)).astype(np.int64)
    text = begin + left * np.arange(n)
    whole = n // cycle * cycle
    text[:whole] += np.repeat(starts[: n // cycle], cycle)
    return (text % base)[np.argsort(draws[n:])]


def _distinct(n: int, count: int, base: int, balanced: bool, without: NDArray[np.int64] | None, words: Words) -> Glyphs:
    """uint16 (count, n): texts that are all different, and not `without`. balanced: they begin with 0."""
    taken = int(balanced)
    head = max((k for k in range(n - taken + 1) if base**k <= PREFIX_SPACE), default=0)
    powers = base ** np.arange(head)
    space = base**head - (without is not None)
    numbers = _sample(space, count, lambda attempt, more: words(f"number {n} {attempt}", more))
    if without is not None:
        numbers += numbers >= (without[taken : taken + head] * powers).sum()
    texts = np.zeros((count, n), np.uint16)
    for k in range(head):
        numbers, texts[:, taken + k] = np.divmod(numbers, base)
    for k in range(taken + head, n):
        texts[:, k] = words(f"tail {n} {k}", count) % np.uint64(base)
    return texts


def _sample(space: int, count: int, words: Callable[[int, int], NDArray[np.uint64]]) -> NDArray[np.int64]:
    """int64 (count,): different numbers below `space`."""
    if count > space // 2:
        return np.argsort(words(0, space))[:count]
    found, attempt = np.empty(0, np.int64), 0
    while len(found) < count:
        attempt += 1
        more = (words(attempt, count - len(found)) % np.uint64(space)).astype(np.int64)
        found = np.concatenate([found, more])
        found = found[np.sort(np.unique(found, return_index=True)[1])]
    return found
