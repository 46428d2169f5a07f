"""How fast the package is in Python: `python tests/benchmarks/library.py` prints ratios measured in this run.

One core for the first five rows; the loaders have two workers.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from measure import ROOT, best_of, python, scratch, table
from PIL import Image

sys.path.insert(0, str(ROOT))
from naive import by_class, images

from digitseq import SequenceGenerator, Settings, generate_numbers_sequence

PLAIN = Settings("123456", min_spacing=5)
SIZE = 256


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def naive_image(number: str, i: int) -> np.ndarray:
    """The per-image loop of naive.py, without a file."""
    rng, parts = np.random.default_rng(i), []
    for character in number:
        glyph = images[rng.choice(by_class[int(character)])]
        inked = np.flatnonzero(glyph.any(axis=0))
        parts += [glyph[:, inked[0] : inked[-1] + 1], np.zeros((28, rng.integers(5, 11)), np.uint8)]
    line = np.hstack(parts[:-1])[:, :200]
    left = (200 - line.shape[1]) // 2
    return np.pad(line, ((0, 0), (left, 200 - line.shape[1] - left)))


def arrays(count: int) -> list[tuple[str, str, str]]:
    generator = SequenceGenerator(PLAIN, seed=1)
    ready = [batch.images for batch in generator.batches(SIZE, stop=count)]
    best = best_of(
        {
            "ours": lambda: seconds(lambda: [len(b) for b in generator.batches(SIZE, stop=count)]),
            "naive": lambda: seconds(lambda: [naive_image("123456", i) for i in range(count // 10)]) * 10,
            "copy": lambda: seconds(lambda: [len(np.copy(batch)) for batch in ready]),
        },
        rounds=5,
    )
    print(f"batches of {SIZE}: {count / best['ours']:,.0f} images/s")
    return [
        ("`gen.batches(256)`, images/s, against the per-image loop", f"{best['naive'] / best['ours']:.1f}×", "≥ 5×"),
        ("the same against `np.copy` of the finished arrays", f"{best['copy'] / best['ours']:.2f}", "≥ 0.05"),
    ]


def calls(count: int) -> list[tuple[str, str, str]]:
    """Mean time of a call, over `count` calls or fewer, in the best of some rounds."""
    fresh = itertools.count()

    def call(digits: str | None = None, **options: object) -> None:
        generate_numbers_sequence(digits or f"{next(fresh):06d}", (0, 10), 200, **options)

    # what is called, how many of `count` calls are enough, and the most that a call may take
    what = {
        "one call of `generate_numbers_sequence(DIGITS, (0, 10), 200)`, warm, other digits at every call": (
            lambda: call(), 1, "≤ 100 µs",
        ),
        '`augment="light"`, other digits at every call': (lambda: call(augment="light"), 8, "≤ 800 µs"),
        '`augment="medium"`, other digits at every call': (lambda: call(augment="medium"), 16, ""),
        "the same digits at every call": (lambda: call("123456"), 1, ""),
        "the same digits, another seed at every call": (lambda: call("123456", seed=next(fresh)), 4, ""),
    }  # fmt: skip
    rivals = {
        name: lambda one=one, share=share: seconds(lambda: [one() for _ in range(count // share)]) * share
        for name, (one, share, _) in what.items()
    }
    best = best_of(rivals, rounds=7)
    return [(name, f"{best[name] / count * 1e6:.0f} µs", most) for name, (_, _, most) in what.items()]


class PngFolder:
    """A data set as one writes it, and as torchvision's ImageFolder works: files opened one by one with Pillow."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(map(str, folder.glob("*.png")))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int):
        import torch

        with open(self.paths[i], "rb") as file:
            pixels = np.array(Image.open(file).convert("L"))
        return torch.from_numpy(pixels)[None], Path(self.paths[i]).stem


def loaders(folder: Path, count: int) -> list[tuple[str, str, str]]:
    from torch.utils.data import DataLoader

    from digitseq.torch_data import SequenceStream

    report = SequenceGenerator(PLAIN, seed=1).write(folder, count, processes=2, labels="none")

    def ours() -> float:
        loader = iter(DataLoader(SequenceStream(PLAIN, SIZE, seed=1), batch_size=None, num_workers=2))
        next(loader)  # the workers have started
        return seconds(lambda: [next(loader) for _ in range(count // SIZE)])

    def theirs() -> float:
        loader = iter(DataLoader(PngFolder(report.folder), batch_size=SIZE, num_workers=2))
        next(loader)
        return seconds(lambda: list(loader)) * count / (count - SIZE)

    best = best_of({"ours": ours, "theirs": theirs}, rounds=3)
    print(f"two workers: {count / best['ours']:,.0f} images/s, from PNG files {count / best['theirs']:,.0f} images/s")
    ratio = best["theirs"] / best["ours"]
    return [("`DataLoader(SequenceStream, num_workers=2)` against PNG files, 2 workers", f"{ratio:.1f}×", "≥ 5×")]


def imports() -> list[tuple[str, str, str]]:
    best = best_of(
        {name: lambda name=name: python("-c", f"import {name}") for name in ("digitseq", "numpy")}, rounds=20
    )
    return [("`import digitseq` against `import numpy`", f"{best['digitseq'] / best['numpy']:.2f}×", "≤ 1.3×")]


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(ROOT)
    cv2.setNumThreads(1)
    with scratch() as scratched:
        rows = arrays(256 * 40) + calls(2000) + imports()
        table("in Python, ratios within one run", rows + loaders(scratched, 256 * 80))
