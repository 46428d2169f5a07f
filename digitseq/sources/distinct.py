"""Texts that are all different within a run of a declared number of images."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import SettingsError
from digitseq.sources.balance import BalancedDigits, check_size
from digitseq.sources.base import Check, Codes, Source, carry_on, text_rows
from digitseq.sources.lines import NumbersFile
from digitseq.sources.permutation import Permutation, below, mix
from digitseq.sources.random_digits import RandomDigits
from digitseq.streams import Rows

MAX_FROZEN = 50_000_000
CANDIDATES = 64  # drawn for each text that is asked for, at most, before a source is taken to be exhausted
MORE_CANDIDATES = 100_000
PREFIX_SPACE = 1 << 62


def unique(source: Source, size: int, seed: int, check: Check = carry_on) -> Source:
    """A source with the texts of `source`, all different in images 0 … size-1; image size+k has text k again.

    Random digits are numbered and the numbers permuted, which costs no memory and takes no time. Of other
    sources the candidates 0, 1, 2, … are drawn here, once, and repetitions passed over; that costs the time of
    as many draws, about 40 bytes a text while it lasts, and 8 bytes a text (8 MB for a million) in the result.

    Raises `SettingsError` when the source holds fewer than `size` texts, or they cannot be found.
    """
    check_size(size, "unique")
    if isinstance(source, BalancedDigits):
        if source.size != size:
            raise SettingsError(f"unique and balanced must have the same size, got {size} and {source.size}", "unique")
        return UniqueDigits(source.digits, size, balanced=True)
    if isinstance(source, RandomDigits):
        return UniqueDigits(source, size)
    return FrozenTexts(source, first_occurrences(source, size, seed, check), seed)


@dataclass(frozen=True)
class UniqueDigits:
    """Random digits without repetition: every length as often as the others, as far as there are enough.

    The images are permuted; the permuted number says the length and which text of that length, counted in a
    permuted order again. `balanced`: every character also occurs equally often at every place of the text, by
    taking with a text all that come of it by replacing each character by the next one, round. Exact where
    `size` is a multiple of the number of characters C; otherwise off by at most the largest length.
    """

    digits: RandomDigits
    size: int
    balanced: bool = False

    def __post_init__(self) -> None:
        check_size(self.size, "unique")
        _check_count(self.digits.count, self.size)

    def __reduce__(self) -> tuple[type[UniqueDigits], tuple[RandomDigits, int, bool]]:
        return UniqueDigits, (self.digits, self.size, self.balanced)

    @property
    def max_length(self) -> int:
        return self.digits.max_length

    @property
    def count(self) -> int:
        return self.size

    @property
    def characters(self) -> Collection[str]:
        return self.digits.characters

    def longest(self) -> str:
        return self.digits.longest()

    @property
    def _orbit(self) -> int:
        """How many texts are taken together."""
        return len(self.digits.characters) if self.balanced else 1

    @cached_property
    def _numbered(self) -> int:
        """How many places of a text its number can spell; no more are needed to keep texts apart."""
        base, places = len(self.digits.characters), 0
        while base > 1 and places < self.digits.maximum and base ** (places + 1) <= PREFIX_SPACE:
            places += 1
        return places

    @cached_property
    def _space(self) -> NDArray[np.int64]:
        """int64 (lengths,): how many different numbers, one an orbit, there are of each length."""
        base, taken = len(self.digits.characters), int(self.balanced)
        return np.array([base ** min(n - taken, self._numbered) for n in self.digits.lengths], np.int64)

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        """int64 (lengths + 1,): where the texts of each length begin among all, ordered by length."""
        orbits = _shares(-(-self.size // self._orbit), self._space.tolist())
        return np.concatenate([[0], np.cumsum(orbits)]).astype(np.int64) * self._orbit

    def codes(self, rows: Rows) -> Codes:
        rows = text_rows(rows)
        base = len(self.digits.characters)
        place = Permutation.of(rows, "unique image")(rows.index % self.size, self.size)
        which = np.searchsorted(self._starts, place, side="right") - 1
        orbit, step = np.divmod(place - self._starts[which], self._orbit)
        length = self.digits.minimum + which
        number = Permutation.of(rows, "unique text").keyed(which)(orbit, self._space[which])
        digit = self._spell(number, length)
        digit = (digit + step[:, None]) % base
        return self.digits.table[digit] * (np.arange(self.max_length) < length[:, None])

    def _spell(self, number: NDArray[np.int64], length: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 (B, max_length): the digits of each number, and after them digits that it determines."""
        base, taken = len(self.digits.characters), int(self.balanced)
        digit = np.zeros((len(number), self.max_length), np.int64)
        head = min(self._numbered, self.max_length - taken)
        powers = base ** np.arange(head, dtype=np.int64)
        digit[:, taken : taken + head] = number[:, None] // powers % base
        rest = np.arange(taken + head, self.max_length, dtype=np.uint64)
        mixed = mix(number.astype(np.uint64))[:, None] + length.astype(np.uint64)[:, None]
        digit[:, taken + head :] = below(mix(mix(mixed) + rest), np.uint64(base))
        return digit


def _shares(total: int, capacities: list[int]) -> list[int]:
    """`total` shared out as evenly as the ascending capacities allow."""
    shares = []
    for place, capacity in enumerate(capacities):
        share = min(capacity, total // (len(capacities) - place))
        shares.append(share)
        total -= share
    return shares


@dataclass(frozen=True, eq=False)
class FrozenTexts:
    """Of the texts that `source` has under `seed`, those of the images `picks`, int64 (size,), ascending.

    The seed of the rows that it is asked for is not used. Pickles as 8 bytes a text and the source.
    """

    source: Source
    picks: NDArray[np.int64]
    seed: int

    @property
    def max_length(self) -> int:
        return self.source.max_length

    @property
    def count(self) -> int:
        return len(self.picks)

    @property
    def characters(self) -> Collection[str]:
        return self.source.characters

    def longest(self) -> str:
        return self.source.longest()

    def codes(self, rows: Rows) -> Codes:
        chosen, position = np.unique(self.picks[rows.index % len(self.picks)], return_inverse=True)
        return self.source.codes(replace(rows, seed=self.seed, index=chosen))[position.ravel()]


def first_occurrences(source: Source, size: int, seed: int, check: Check = carry_on) -> NDArray[np.int64]:
    """int64 (size,), ascending: the first images of `source` that together have `size` different texts.

    Texts are compared by 64 bits of hash: two that differ are taken for the same once in 10¹⁹ pairs, and then
    the second is passed over; two that are the same are never taken to differ.
    """
    if size > MAX_FROZEN:
        raise SettingsError(f"unique is possible for 1 to {MAX_FROZEN:,} texts of this source, got {size:,}", "unique")
    if source.count is not None:
        _check_count(source.count, size)
    limit = len(source) if isinstance(source, NumbersFile) else size * CANDIDATES + MORE_CANDIDATES
    hashes, picks = np.empty(0, np.uint64), np.empty(0, np.int64)
    drawn = 0
    while len(picks) < size and drawn < limit:
        more = min(max(size - len(picks), drawn // 2, 1024), limit - drawn)
        hashes = np.concatenate([hashes, _hashes(source, seed, drawn, drawn + more, check)])
        hashes, first = np.unique(hashes, return_index=True)
        picks = np.concatenate([picks, np.arange(drawn, drawn + more)])[first]
        order = np.argsort(picks)
        hashes, picks = hashes[order], picks[order]
        drawn += more
    if len(picks) < size:
        _refuse(source, len(picks), size, drawn)
    return picks[:size]


def _hashes(source: Source, seed: int, start: int, stop: int, check: Check) -> NDArray[np.uint64]:
    """uint64 (stop - start,): equal for equal texts."""
    out = np.zeros(stop - start, np.uint64)
    for first in range(start, stop, 4096):
        check()
        codes = source.codes(Rows.span(seed, first, min(first + 4096, stop)))
        part = out[first - start : first - start + len(codes)]
        for column in codes.T:
            part[:] = mix(part + column + np.uint64(1))
    return out


def _check_count(count: int, size: int) -> None:
    if count < size:
        raise SettingsError(
            f"unique: {size:,} different texts are asked for, and the source holds {count:,}: "
            f"ask for at most {count:,}",
            "unique",
        )


def _refuse(source: Source, found: int, size: int, drawn: int) -> None:
    if isinstance(source, NumbersFile):
        _check_count(found, size)
    holds = "" if source.count is None else f" (of {source.count:,} that it holds)"
    raise SettingsError(
        f"unique: {size:,} texts are asked for, and {drawn:,} draws from the source gave {found:,} different ones"
        f"{holds}: ask for at most {found:,}",
        "unique",
    )
