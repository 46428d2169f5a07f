"""How fast the formats are: `python tests/benchmarks/formats.py [images]` prints ratios measured in this run."""

from __future__ import annotations

import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from core import floor, peak_memory
from isal import isal_zlib
from measure import ROOT, best_of, emptied, program, scratch, table

sys.path.insert(0, str(ROOT))

from digitseq import Pipeline, Settings
from digitseq.formats import FORMATS
from digitseq.formats.png_encoder import encode_png
from digitseq.formats.webdataset import tar_bytes
from digitseq.glyphs.loader import load_bank
from digitseq.labels.objects import object_lines

COMMAND = ("-num", "123456", "-min", 5, "-max", 10, "--seed", 1, "-m", 2)


def formats(folder: Path, count: int) -> list[tuple[str, str, str]]:
    rivals = {
        name: (lambda name=name: program(*COMMAND, "-s", count, "--format", name, "-o", emptied(folder / name)))
        for name in FORMATS
        if name != "npz"
    }
    best = best_of(rivals | {"encoding": lambda: floor(count)}, rounds=3)
    print(f"{count:,} images, -m 2: " + ", ".join(f"{n} {count / t:,.0f} images/s" for n, t in best.items()))
    required = {"webdataset": "≥ 1.3×", "lmdb": "≥ 1×", "parquet": "≥ 1×"}
    rows = [(f"`{n}` against `png`", f"{best['png'] / best[n]:.2f}×", need) for n, need in required.items()]
    share = f"{best['encoding'] / best['webdataset']:.2f}"
    return [*rows, ("`webdataset` against the floor: only encoding the same images", share, "0.75")]


def stages(folder: Path, count: int) -> list[tuple[str, str, str]]:
    """What else the images of a shard cost, beside encoding them: processor time of one process, medians of batches."""
    pipeline, taken = Pipeline(Settings("123456", min_spacing=5), load_bank(), 1), defaultdict(list)

    def timed(name, call, *arguments):
        began = time.process_time_ns()
        result = call(*arguments)
        taken[name].append(time.process_time_ns() - began)
        return result

    size = pipeline.batch_size
    with open(folder / "stages.tar", "wb", buffering=0) as file:
        for start in range(0, count, size):
            batch = timed("making the arrays", pipeline.batch, start, start + size)
            images = timed("encoding", encode_png, batch.images, batch.width)
            texts = [text.encode() for text in batch.texts]
            members = {b".png": images, b".txt": texts, b".json": timed("labels", object_lines, batch)}
            piece = timed("headers and joining", tar_bytes, np.arange(start + 1, start + 1 + size), members)
            timed("checksum", isal_zlib.crc32, piece)
            timed("writing", file.write, piece)
    cost = {name: statistics.median(times) for name, times in taken.items()}
    encoding = cost.pop("encoding")
    rows = [
        (f"`webdataset`: {name}, compared with encoding", f"{spent / encoding:.2f}", "") for name, spent in cost.items()
    ]
    most = encoding / (encoding + cost["making the arrays"] + cost["writing"])
    return [*rows, ("share of encoding, if only arrays were made and written, and no time to start", f"{most:.2f}", "")]


def masks(folder: Path, count: int) -> list[tuple[str, str, str]]:
    rows = []
    for name in ("png", "webdataset"):
        given = (*COMMAND, "-s", count, "--format", name, "-o")
        best = best_of(
            {
                "with": lambda given=given: program(*given, emptied(folder / "with"), "--masks"),
                "without": lambda given=given: program(*given, emptied(folder / "without")),
            },
            rounds=3,
        )
        rows.append((f"`{name}` with `--masks`", f"{best['with'] / best['without']:.2f}× the time", "≤ 1.6×"))
    return rows


def tar_shards(folder: Path, count: int) -> list[tuple[str, str, str]]:
    """The same ready-made members put into a tar file by us and by the webdataset package."""
    import webdataset

    pipeline = Pipeline(Settings("123456", min_spacing=5), load_bank(), 1)
    made = []
    for start in range(0, count, 500):
        batch = pipeline.batch(start, start + 500)
        texts = [text.encode() for text in batch.texts]
        members = {b".png": encode_png(batch.images, batch.width), b".txt": texts, b".json": object_lines(batch)}
        made.append((np.arange(start + 1, start + 501), members))

    def ours() -> float:
        began = time.perf_counter()
        with open(folder / "ours.tar", "wb") as file:
            for numbers, members in made:
                file.write(tar_bytes(numbers, members))
        return time.perf_counter() - began

    def theirs() -> float:
        samples = [
            {"__key__": f"{number:012d}", "png": png, "txt": txt, "json": line}
            for numbers, members in made
            for number, png, txt, line in zip(numbers, *members.values())
        ]
        began = time.perf_counter()
        with webdataset.TarWriter(str(folder / "theirs.tar"), encoder=False) as sink:
            for sample in samples:
                sink.write(sample)
        return time.perf_counter() - began

    best = best_of({"ours": ours, "theirs": theirs}, rounds=3)
    return [("tar shards against `webdataset.TarWriter`", f"{best['theirs'] / best['ours']:.1f}×", "≥ 1×")]


def memory(folder: Path) -> list[tuple[str, str, str]]:
    words = ("--format", "webdataset")
    small, large = (peak_memory(folder, count, *words) for count in (20_000, 1_000_000))
    return [
        ("`webdataset`, peak memory of the largest process, 1,000,000 images", f"{large:.0f} MB", "≤ 300 MB"),
        ("the same against 20,000 images", f"{large / small:.2f}×", "within 10 %"),
    ]


if __name__ == "__main__":
    with scratch() as folder:
        images = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
        rows = formats(folder, images) + stages(folder, 50_000) + masks(folder, images)
        rows += tar_shards(folder, 20_000) + memory(folder)
        table("formats, ratios within one run", rows)
