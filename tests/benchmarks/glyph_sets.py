"""What another data set costs: `python tests/benchmarks/glyph_sets.py FOLDER` with EMNIST's byclass test files in FOLDER.

Prints ratios measured in this run: of the speed with EMNIST's glyphs to that with MNIST's, in memory and to files,
and how long the data set takes to build and to open.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from measure import ROOT, best_of, emptied, program, scratch, table

sys.path.insert(0, str(ROOT))
from digitseq import Pipeline, Settings
from digitseq.renderer.renderer_cache import bank_of

NAME = "emnist-byclass"
IMAGES = 20_000


def rendering(cache: Path, dataset: str, number: str, letter_layout: str = "on") -> float:
    settings = Settings(number, dataset=dataset, split="test", letter_layout=letter_layout)
    pipeline = Pipeline(settings, bank_of(settings, str(cache)), 1)
    began = time.perf_counter()
    for start in range(0, IMAGES, pipeline.batch_size):
        pipeline.batch(start, start + pipeline.batch_size)
    return time.perf_counter() - began


def opening(cache: Path) -> float:
    settings = Settings("1", dataset=NAME, split="test")
    began = time.perf_counter()
    bank_of(settings, str(cache))
    return time.perf_counter() - began


def main(folder: Path) -> None:
    with scratch() as place:
        cache = place / "cache"
        (cache / "emnist").mkdir(parents=True)
        for path in folder.glob(f"{NAME}-test-*"):
            (cache / "emnist" / path.name).symlink_to(path.resolve())
        built = opening(cache)
        opened = min(opening(cache) for _ in range(20))
        common = ("--split", "test", "-m", 2, "-s", IMAGES, "--seed", 1, "-c", cache, "--quiet")
        best = best_of(
            {
                "mnist": lambda: rendering(cache, "mnist", "123456"),
                "emnist": lambda: rendering(cache, NAME, "123456"),
                "letters": lambda: rendering(cache, NAME, "aBc4eF"),
                "raw letters": lambda: rendering(cache, NAME, "aBc4eF", "off"),
                "mnist files": lambda: program("-num", "123456", *common, "-o", emptied(place / "a")),
                "emnist files": lambda: program(
                    "-num", "123456", *common, "--dataset", NAME, "-o", emptied(place / "b")
                ),
                "letters files": lambda: program(
                    "-num", "aBc4eF", *common, "--dataset", NAME, "-o", emptied(place / "c")
                ),
                "raw letters files": lambda: program(
                    "-num", "aBc4eF", *common, "--dataset", NAME, "--letter_layout", "off", "-o", emptied(place / "d")
                ),
            },
            7,
        )
    rows = [
        ("speed in memory, EMNIST's digits to MNIST's", f"{best['mnist'] / best['emnist']:.2f}", "≥ 0.90"),
        ("speed in memory, EMNIST's letters to MNIST's digits", f"{best['mnist'] / best['letters']:.2f}", "≥ 0.90"),
        ("speed of run.py, EMNIST's digits to MNIST's", f"{best['mnist files'] / best['emnist files']:.2f}", "≥ 0.90"),
        (
            "speed of run.py, EMNIST's letters to MNIST's",
            f"{best['mnist files'] / best['letters files']:.2f}",
            "≥ 0.90",
        ),
        ("speed in memory, letters on a line to raw ones", f"{best['raw letters'] / best['letters']:.2f}", "≥ 0.90"),
        (
            "speed of run.py, letters on a line to raw ones",
            f"{best['raw letters files'] / best['letters files']:.2f}",
            "≥ 0.90",
        ),
        ("opening 116,323 glyphs the first time, s", f"{built:.2f}", ""),
        ("opening them again, ms", f"{opened * 1e3:.2f}", "≤ 20"),
    ]
    table(f"data sets, {os.cpu_count()} cores", rows)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not list(Path(sys.argv[1]).glob(f"{NAME}-test-*")):
        sys.exit(f"usage: datasets.py FOLDER, with {NAME}-test-images-idx3-ubyte.gz and its labels in it")
    main(Path(sys.argv[1]))
