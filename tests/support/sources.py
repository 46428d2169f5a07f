"""What the tests of sources share."""

from __future__ import annotations

import numpy as np

from digitseq.random_streams import Rows
from digitseq.sources import decode
from digitseq.sources.lines import NumbersFile

ALL = 3000
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
DATE = r"(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"


def texts(source, start, stop, seed=1):
    return decode(source.codes(Rows.span(seed, start, stop)))


def chi_square(counts, expected):
    """Pearson's statistic in standard deviations above its mean."""
    counts, expected = np.asarray(counts, float), np.broadcast_to(expected, np.shape(counts)).astype(float)
    statistic = ((counts - expected) ** 2 / expected).sum()
    freedom = counts.size - 1
    return (statistic - freedom) / np.sqrt(2 * freedom)


def numbers_file(tmp_path, lines=2500):
    path = tmp_path / "numbers.txt"
    path.write_text("".join(f"{i * i}\n" for i in range(lines)))
    return NumbersFile(path)
