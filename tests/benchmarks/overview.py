"""The README's speed table: `python tests/benchmarks/overview.py [images]` prints images per second of whole commands.

Two processes each, output in memory. After pasting the rows into the README, run example/make_speed_chart.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

from measure import best_of, emptied, program, python, scratch

COMMAND = ("-num", "123456", "-min", 5, "-max", 10, "-m", 2, "--seed", 1)
JOBS = {
    "PNG files": (),
    "`--format webdataset`": ("--format", "webdataset"),
    "`-da -ra`": ("-da", "-ra"),
    "`--augment light`": ("--augment", "light"),
    "`--augment medium`": ("--augment", "medium"),
    "`--augment heavy`": ("--augment", "heavy"),
}


def main(folder: Path, count: int) -> None:
    naive = Path(__file__).with_name("naive.py")
    calls = {
        "plain Python loop, PNG files": lambda: python(naive, emptied(folder / "out"), "123456", count),
        "the same with erosion, dilation, rotation, noise": lambda: python(
            naive, emptied(folder / "out"), "123456", count, "augment"
        ),
    }
    for name, flags in JOBS.items():
        words = (*COMMAND, "-s", count, *flags, "-o", folder / "out")
        calls[name] = lambda words=words: emptied(folder / "out") and program(*words)
    best = best_of(calls, rounds=3)
    print("| job | images/s |\n|---|--:|")
    for name, seconds in best.items():
        print(f"| {name} | {round(count / seconds, -2):,.0f} |")


if __name__ == "__main__":
    with scratch() as folder:
        main(folder, int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
