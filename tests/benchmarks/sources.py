"""What the sources cost: `python tests/benchmarks/sources.py [images]` prints ratios measured in this run."""

from __future__ import annotations

import sys
from pathlib import Path

from measure import best_of, emptied, program, scratch, table

SOURCES = {
    "-num 123456": ("-num", "123456"),
    "--random_digits 3 8": ("--random_digits", 3, 8),
    "--random_digits 6 6": ("--random_digits", 6, 6),
    "--random_digits 3 8 --unique --balanced": ("--random_digits", 3, 8, "--unique", "--balanced"),
    "--amounts": ("--amounts",),
    "--pattern '[0-9]{6}'": ("--pattern", "[0-9]{6}"),
    "--phone JP": ("--phone", "JP"),
    "--phone JP --unique": ("--phone", "JP", "--unique"),
    "--numbers_file": ("--numbers_file", "numbers.txt"),
    "--pattern '[0-9]{8}'": ("--pattern", "[0-9]{8}"),
    "--pattern '[0-9]{3}-[0-9]{4}'": ("--pattern", "[0-9]{3}-[0-9]{4}"),
}


def sources(folder: Path, count: int) -> list[tuple[str, str, str]]:
    lines = folder / "numbers.txt"
    lines.write_text("".join(f"{number}\n" for number in range(100_000, 200_000)))

    def run(words: tuple[object, ...]) -> float:
        words = tuple(lines if word == lines.name else word for word in words)
        return program(*words, "-m", 2, "-s", count, "--seed", 1, "-o", emptied(folder / "out"))

    best = best_of({name: (lambda words=words: run(words)) for name, words in SOURCES.items()}, rounds=3)
    plain = best["-num 123456"]
    print(f"{count:,} images, -m 2: " + ", ".join(f"{n} {count / t:,.0f} images/s" for n, t in best.items()))
    need = {"--random_digits 3 8": "≥ 0.8"}
    *_, digits, signs = best.values()
    return [
        ("the last one, in which a sign is drawn, against the one before", f"{digits / signs:.2f}", "≥ 0.85"),
        *((f"`{n}` against `-num 123456`", f"{plain / t:.2f}", need.get(n, "")) for n, t in best.items() if t != plain),
    ]


if __name__ == "__main__":
    with scratch() as folder:
        images = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
        table("sources, ratios within one run", sources(folder, images))
