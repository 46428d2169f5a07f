"""Texts of any source that are all different within a run of a declared number of images."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import SettingsError
from digitseq.random_streams import Rows
from digitseq.sources.base import Check, Codes, Derived, Source, carry_on
from digitseq.sources.lines import NumbersFile
from digitseq.sources.table_size import check_count, check_memory

BYTES_A_TEXT = 40  # while they are sought; 8 stay
CANDIDATES = 64  # drawn for each text that is asked for, at most, before a source is taken to be exhausted
MORE_CANDIDATES = 100_000
ROWS = 512  # drawn at once


@dataclass(frozen=True, eq=False)
class FrozenTexts(Derived):
    """Of the texts that `source` has under `seed`, those of the images `picks`, int64 (size,), ascending.

    Images from `size` on have the same texts again. The seed of the rows that it is asked for is not used. Pickles as
    the source and about a bit a text.
    """

    source: Source
    picks: NDArray[np.int64]
    seed: int

    def __reduce__(self) -> tuple[type[FrozenTexts] | object, tuple[Source, NDArray[np.uint8], int]]:
        picked = np.zeros(int(self.picks[-1]) + 1, bool)
        picked[self.picks] = True
        return _unpacked, (self.source, np.packbits(picked), self.seed)

    @property
    def count(self) -> int:
        return len(self.picks)

    def codes(self, rows: Rows) -> Codes:
        chosen, position = np.unique(self.picks[rows.index % len(self.picks)], return_inverse=True)
        return self.source.codes(replace(rows, seed=self.seed, index=chosen))[position.ravel()]


def _unpacked(source: Source, picked: NDArray[np.uint8], seed: int) -> FrozenTexts:
    return FrozenTexts(source, np.flatnonzero(np.unpackbits(picked)), seed)


def distinct(source: Source, size: int, seed: int, check: Check = carry_on) -> FrozenTexts:
    """The first texts of `source` that are all different, `size` of them.

    The candidates 0, 1, 2, … are drawn here, once, and repetitions passed over. They are compared by 64 bits of
    hash: two that differ are taken for the same once in 10¹⁸ pairs, and then the second is passed over; two that
    are the same are never taken to differ.

    Raises `SettingsError` when the source holds fewer than `size` texts, they cannot be found, or they would not fit
    into memory.
    """
    check_memory(size, BYTES_A_TEXT, "unique")
    if source.count is not None:
        check_count(source.count, size)
    limit = len(source) if isinstance(source, NumbersFile) else size * CANDIDATES + MORE_CANDIDATES
    hashes, picks = np.empty(0, np.uint64), np.empty(0, np.int64)
    drawn = 0
    while len(picks) < size and drawn < limit:
        more = min(max(size - len(picks), drawn // 2, ROWS), limit - drawn)
        hashes = np.concatenate([hashes, _hashes(source, seed, drawn, drawn + more, check)])
        hashes, first = np.unique(hashes, return_index=True)
        picks = np.concatenate([picks, np.arange(drawn, drawn + more)])[first]
        order = np.argsort(picks)
        hashes, picks = hashes[order], picks[order]
        drawn += more
    if len(picks) < size:
        _refuse(source, len(picks), size, drawn)
    return FrozenTexts(source, picks[:size], seed)


def _hashes(source: Source, seed: int, start: int, stop: int, check: Check) -> NDArray[np.uint64]:
    """uint64 (stop - start,): equal for equal texts."""
    factors = Rows.span(0, 0, 1).words("hash", source.max_length)[0] | np.uint64(1)
    out = np.empty(stop - start, np.uint64)
    for first in range(start, stop, ROWS):
        check()
        codes = source.codes(Rows.span(seed, first, min(first + ROWS, stop)))
        out[first - start : first - start + len(codes)] = codes.astype(np.uint64) @ factors
    return out


def _refuse(source: Source, found: int, size: int, drawn: int) -> None:
    if isinstance(source, NumbersFile):
        check_count(found, size)
    holds = "" if source.count is None else f" (of {source.count:,} that it holds)"
    raise SettingsError(
        f"unique: {size:,} texts are asked for, and {drawn:,} draws from the source gave {found:,} different ones"
        f"{holds}: ask for at most {found:,}",
        "unique",
    )
