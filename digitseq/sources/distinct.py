"""Texts of any source that are all different within a run of a known number of images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import SettingsError
from digitseq.random_streams import Rows
from digitseq.sources.base import Check, Codes, Source, WrappedSource, never_cancelled

MAX_BYTES = 1 << 31  # of a table while it is made
BYTES_PER_TEXT = 40  # during the search; 8 remain
CANDIDATES = 64  # drawn at most for each text before a source counts as exhausted
MORE_CANDIDATES = 100_000
ROWS = 512  # drawn at once


class DistinctTexts(WrappedSource):
    """Some of the texts that `source` has under `seed`: those of the images `picks`, int64 (size,), ascending.

    Images from `size` on have the same texts again. The seed of the requested rows is ignored. Pickles as the source
    and about a bit per text.
    """

    def __init__(self, source: Source, picks: NDArray[np.int64], seed: int) -> None:
        super().__init__(source, len(picks))
        self.picks, self.seed = picks, seed

    def __reduce__(self) -> tuple[Any, ...]:
        picked = np.zeros(int(self.picks[-1]) + 1, bool)
        picked[self.picks] = True
        return _unpacked, (self.source, np.packbits(picked), self.seed)

    def codes(self, rows: Rows) -> Codes:
        # sources take ascending rows; those of a batch across the end of the run are not
        chosen, position = np.unique(self.picks[rows.index % len(self.picks)], return_inverse=True)
        return self.source.codes(rows.replace(seed=self.seed, index=chosen))[position.ravel()]


def _unpacked(source: Source, picked: NDArray[np.uint8], seed: int) -> DistinctTexts:
    return DistinctTexts(source, np.flatnonzero(np.unpackbits(picked)), seed)


def distinct(source: Source, size: int, seed: int, check: Check = never_cancelled) -> DistinctTexts:
    """The first `size` texts of `source` that are all different.

    Texts are compared by 64-bit hashes. A collision, once in 10¹⁸ pairs, only means that a text is skipped; two equal
    texts are never both taken.

    Raises `SettingsError` if the source has fewer than `size` texts, if they are not found, or if the table would not
    fit into memory.
    """
    check_memory(size, BYTES_PER_TEXT, "unique")
    check_count(size if source.count is None else source.count, size)
    factors = Rows.span(0, 0, 1).words("hash", source.max_length)[0] | np.uint64(1)
    limit = source.period or size * CANDIDATES + MORE_CANDIDATES
    hashes, picks = np.empty(0, np.uint64), np.empty(0, np.int64)
    drawn = 0
    while len(picks) < size and drawn < limit:
        stop = drawn + min(max(size - len(picks), drawn // 2, ROWS), limit - drawn)
        found = [hashes]
        for start in range(drawn, stop, ROWS):
            check()
            codes = source.codes(Rows.span(seed, start, min(start + ROWS, stop)))
            found.append(codes.astype(np.uint64) @ factors)
        # of equal hashes the first is kept: those of earlier draws, which are all different, come first
        hashes, first = np.unique(np.concatenate(found), return_index=True)
        picks = np.concatenate([picks, np.arange(drawn, stop)])[first]
        drawn = stop
    check_count(len(picks), size)
    return DistinctTexts(source, np.sort(picks)[:size], seed)


def check_memory(size: int, bytes_per_text: int, setting: str) -> None:
    """Raises `SettingsError` if a table of `size` texts would take more than `MAX_BYTES` while it is made."""
    most = MAX_BYTES // bytes_per_text
    if size > most:
        raise SettingsError(
            f"{setting}: the table of the texts of {size:,} images would take {size * bytes_per_text / 1e9:.1f} GB, at "
            f"most {MAX_BYTES / 1e9:.1f} GB are used: ask for at most {most:,} images a run",
            setting,
        )


def check_count(count: int, size: int) -> None:
    """Raises `SettingsError` if `size` different texts are requested, and the source gives only `count`."""
    if count < size:
        raise SettingsError(
            f"unique: {size:,} different texts are asked for, and the source gives {count:,}: "
            f"ask for at most {count:,} images",
            "unique",
        )
