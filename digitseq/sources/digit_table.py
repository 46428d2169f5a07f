"""Random digits of a whole run, made at once: all different, every character equally often, or both."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.random_streams import Rows
from digitseq.sources.base import Check, Codes, WrappedSource, never_cancelled
from digitseq.sources.distinct import check_count, check_memory
from digitseq.sources.random_digits import RandomDigits

BYTES_PER_TEXT, BYTES_PER_CHARACTER = 40, 4  # while the table is made; 8 and 1 remain
PREFIX_SPACE = 1 << 48  # texts differ in as many characters as have no more values than this
BLOCK = 1 << 20
Places = NDArray[np.uint16]  # places in the alphabet


class DigitTable(WrappedSource):
    """The texts of a run of `size` images under `seed`, whose lengths are as even as there are texts; later images
    have them again.

    unique: all are different. balanced: every character occurs equally often, to within one.

    A table of one byte per character and 8 per text. Pickles as the arguments, and is made again from them: the seed
    of the requested rows is ignored. Raises `SettingsError` if there are fewer texts, or the table would not fit into
    memory.
    """

    source: RandomDigits

    def __init__(
        self, source: RandomDigits, size: int, seed: int, unique: bool, balanced: bool, check: Check = never_cancelled
    ) -> None:
        if unique:
            check_count(source.count, size)
        middle = (source.minimum + source.maximum) // 2
        check_memory(size, BYTES_PER_TEXT + BYTES_PER_CHARACTER * middle, "unique" if unique else "balanced")
        super().__init__(source, size if unique else None)
        self.size, self.seed, self.unique, self.balanced = size, seed, unique, balanced
        # one long row of 64-bit numbers for each purpose; another scope would change the texts of every seed
        self._random = Rows.span(seed, 0, 1).scoped("dealt")
        base = len(source.characters)
        quotas = _shares(size, [base**n if unique else size for n in source.lengths])
        self._ends = np.cumsum(np.multiply(quotas, source.lengths))  # of all texts of each length in the table
        parts = []
        for block in self._distinct_texts(quotas) if unique else self._shuffled_alphabets(int(self._ends[-1])):
            check()
            parts.append(block.astype(np.min_scalar_type(base - 1)).ravel())
        self._table = np.concatenate(parts)
        check()
        # texts of a length follow each other in the table; their order in the run is shuffled here
        lengths = np.repeat(source.lengths, quotas)
        self._first = (np.cumsum(lengths) - lengths)[np.argsort(self._random.words("order", size)[0])]

    def __reduce__(self) -> tuple[Any, ...]:
        return DigitTable, (self.source, self.size, self.seed, self.unique, self.balanced)

    def codes(self, rows: Rows) -> Codes:
        first = self._first[rows.index % self.size]
        length = self.source.minimum + np.searchsorted(self._ends, first, side="right")
        column = np.arange(self.max_length)
        # columns after the end of a text read the next one, or past the table: they become 0
        places = self._table.take(first[:, None] + column, mode="clip")
        codes: Codes = self.source.table[places] * (column < length[:, None])
        return codes

    def _shuffled_alphabets(self, total: int) -> Iterator[Places]:
        """The alphabet again and again, `total` characters, shuffled in blocks to save memory."""
        for start in range(0, total, BLOCK):
            places = (np.arange(start, min(start + BLOCK, total)) % len(self.source.characters)).astype(np.uint16)
            yield places[np.argsort(self._random.words(f"shuffle {start}", len(places))[0])]

    def _distinct_texts(self, quotas: Sequence[int]) -> Iterator[Places]:
        """For each length its texts, (quota, n), all different.

        balanced: texts come in cycles. A cycle has all `base` texts that a text becomes when every character is
        replaced by the next one of the alphabet, cyclically; in these all characters occur equally often. The few texts
        that remain are a part of one cycle in which all characters occur equally often, too.
        """
        base = len(self.source.characters)
        turns, begin = base if self.balanced else 1, 0
        for n, quota in zip(self.source.lengths, quotas):
            cycles, left = divmod(quota, turns)
            last = self._level_text(n, left, begin)
            begin = (begin + n * left) % base
            # one text stands for each cycle: the one that begins with the first character
            firsts = self._sample(n, cycles, (last - last[0]) % base if left else None)
            texts = (firsts[:, None, :] + np.arange(turns, dtype=np.uint16)[:, None]) % base
            rest = ((last + np.arange(left)[:, None]) % base).astype(np.uint16)
            yield np.concatenate([texts.reshape(-1, n), rest])

    def _level_text(self, n: int, left: int, begin: int) -> NDArray[np.int64]:
        """int64 (n,): a text that, with the `left`-1 next ones of its cycle, has all characters equally often.

        Characters that are one more often than others are those from `begin` on, cyclically.
        """
        base = len(self.source.characters)
        group = base // math.gcd(left, base)  # so many characters can be shifted together: they cover all equally
        draws = self._random.words(f"level {n}", 2 * n)[0]
        shifts = np.repeat((draws[:n] % np.uint64(base)).astype(np.int64), group)[: n // group * group]
        text = begin + left * np.arange(n)
        text[: len(shifts)] += shifts
        return (text % base)[np.argsort(draws[n:])]

    def _sample(self, n: int, count: int, excluded: NDArray[np.int64] | None) -> Places:
        """uint16 (count, n): texts that are all different, and not `excluded`. balanced: they begin with place 0."""
        base, fixed = len(self.source.characters), int(self.balanced)
        # the first characters are the digits of different numbers, any others are random
        head = max(k for k in range(n - fixed + 1) if base**k <= PREFIX_SPACE)
        numbers = self._sample_numbers(n, base**head, count + (excluded is not None))
        if excluded is not None:
            numbers = numbers[numbers != (excluded[fixed : fixed + head] * base ** np.arange(head)).sum()][:count]
        texts = np.zeros((count, n), np.uint16)
        for k in range(fixed, fixed + head):
            numbers, texts[:, k] = np.divmod(numbers, base)
        for k in range(fixed + head, n):
            texts[:, k] = self._random.words(f"tail {n} {k}", count)[0] % np.uint64(base)
        return texts

    def _sample_numbers(self, n: int, space: int, count: int) -> NDArray[np.int64]:
        """int64 (count,): different numbers below `space`."""
        if count > space // 2:
            return np.argsort(self._random.words(f"number {n} 0", space)[0])[:count]
        found, attempt = np.empty(0, np.int64), 0
        while len(found) < count:
            attempt += 1
            words = self._random.words(f"number {n} {attempt}", count - len(found))[0]
            found = np.concatenate([found, (words % np.uint64(space)).astype(np.int64)])
            found = found[np.sort(np.unique(found, return_index=True)[1])]
        return found


def _shares(total: int, capacities: Sequence[int]) -> list[int]:
    """`total` divided as evenly as the ascending `capacities` allow."""
    shares = []
    for place, capacity in enumerate(capacities):
        shares.append(min(capacity, total // (len(capacities) - place)))
        total -= shares[-1]
    return shares
