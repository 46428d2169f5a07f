"""What a cluster costs: `python tests/benchmarks/cluster.py [images]` prints ratios measured in this run.

A Dask scheduler and two workers on this machine, which are running already, against two processes of a run.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from measure import ROOT, best_of, emptied, program, scratch, table

sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.clusters import DaskCluster  # noqa: E402

from digitseq import Output, Pipeline, Settings  # noqa: E402
from digitseq.formats import format_of  # noqa: E402
from digitseq.formats.parts import PartFiles, spans  # noqa: E402
from digitseq.glyphs.loader import load_bank  # noqa: E402
from digitseq.runs import write_images  # noqa: E402
from digitseq.runs.splits import placements  # noqa: E402

COMMAND = ("--random_digits", 3, 8, "--seed", 1, "--format")
ROUNDS = 5
SHORT_ROUNDS = 25  # of what differs by a few percent: more and shorter ones find moments in which nothing else runs
FEW, MANY = 10_000, 1_000_000  # images between which the memory of the owner must not grow
# a run, and then the most memory that its owner has had, in bytes
MEASURED = (
    "import sys; from digitseq.shell.cli import main; from digitseq.runs.estimate import peak_memory; "
    "code = main(sys.argv[1:]); print(peak_memory()); sys.exit(code)"
)


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    """The address of a scheduler with two workers."""
    with tempfile.TemporaryDirectory() as folder:
        made = DaskCluster(Path(folder))
        try:
            made.add_worker()
            made.add_worker()
            yield made.address
        finally:
            made.close()


def dask(folder: Path, count: int, address: str) -> tuple[str, str, str]:
    def rival(*flags: object) -> float:
        return program(*COMMAND, "webdataset", "-s", count, "-o", emptied(folder / "run"), *flags)

    rival("--dask", address)  # the workers load what they need
    best = best_of({"-m 2": lambda: rival("-m", 2), "--dask": lambda: rival("--dask", address)}, ROUNDS)
    print(f"{count:,} images: " + ", ".join(f"{name} {count / t:,.0f} images/s" for name, t in best.items()))
    return "`--dask`, 2 workers, against `-m 2`", f"{best['-m 2'] / best['--dask']:.2f}×", "≥ 0.8×"


def journal(folder: Path, count: int) -> tuple[str, str, str]:
    """A run against the same shards written straight under their names, without a journal."""
    pipeline = Pipeline(Settings(random_digits=(3, 8)), load_bank(), 1)

    def run() -> float:
        output = Output(output_path=str(emptied(folder / "run")), format="webdataset", size=count, card="off")
        began = time.perf_counter()
        write_images(pipeline, output)
        return time.perf_counter() - began

    def straight() -> float:
        target, format_ = emptied(folder / "run"), format_of("webdataset")
        output = Output(format="webdataset", size=count)
        target.mkdir()
        began = time.perf_counter()
        (placed,) = placements(pipeline, output)
        section = placed.begin(output, target, [])
        job = placed.job(output, section)
        for start, stop in spans(0, count, section.part_size):
            format_.make(job, start, stop, PartFiles(target))
        return time.perf_counter() - began

    best = best_of({"run": run, "straight": straight}, SHORT_ROUNDS)
    return "journal and atomic shards against none", f"{best['straight'] / best['run']:.3f}×", "≥ 0.97×"


def memory(folder: Path, address: str) -> tuple[str, str, str]:
    """Parquet shards of 1,000 images, as a million of them have room in memory."""

    def peak(count: int) -> int:
        words = (*COMMAND, "parquet", "-s", count, "--shard_size", 1000, "-o", emptied(folder / "run"), "--quiet")
        command = [sys.executable, "-c", MEASURED, *map(str, words), "--dask", address]
        return int(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout)

    few, many = peak(FEW), peak(MANY)
    print(f"memory of the owner: {few / 1e6:.0f} MB for {FEW:,} images, {many / 1e6:.0f} MB for {MANY:,}")
    return f"memory of the owner, {MANY:,} images against {FEW:,}", f"{many / few:.2f}×", "≤ 1.10×"


def main(count: int) -> None:
    with scratch() as folder, cluster() as address:
        rows = [dask(folder, count, address), journal(folder, count // 10), memory(folder, address)]
    table("clusters, ratios within one run", rows)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
