"""Runs into train/, val/ and test/: which images each of them gets, and which glyphs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from digitseq.glyphs.bank import GlyphBank
from digitseq.options import PARTS

Ratio = tuple[float, float, float]


@dataclass(frozen=True)
class Share:
    """What train/, val/ or test/ has of a run: glyphs between two fractions of every class of `split`, and texts.

    Its images of this run get the texts of images first_text, first_text + 1, … of a run with `text_seed`.
    """

    part: str
    split: str
    low: float
    high: float
    first_text: int = 0
    text_seed: int = 0

    def of(self, bank: GlyphBank) -> GlyphBank:
        """The share of `bank`, which is that of `split`."""
        return bank.share(self.low, self.high)


def shares(ratio: Ratio) -> list[Share]:
    """Which glyphs each part draws from."""
    train, val, _ = ratio
    cut = train / (train + val) if train + val else 1.0
    return [Share("train", "train", 0.0, cut), Share("val", "train", cut, 1.0), Share("test", "test", 0.0, 1.0)]


def share_out(count: int, ratio: Ratio) -> dict[str, int]:
    """How many of `count` images each part gets: the nearest whole numbers whose sum is `count`."""
    total = sum(ratio)  # 1 but for rounding, which would be images where there are many
    exact = [count * share / total for share in ratio]
    counts = [min(int(value + 1e-9), count) for value in exact]
    most_wanting = sorted(range(len(PARTS)), key=lambda i: counts[i] - exact[i])
    for i in most_wanting[: count - sum(counts)]:
        counts[i] += 1
    return dict(zip(PARTS, counts))


def part_seed(seed: int, part: str) -> int:
    """The seed of a part: the parts of a run must not repeat each other's gaps and distortions."""
    return int.from_bytes(hashlib.sha256(f"{seed} {part}".encode()).digest()[:6], "big")
