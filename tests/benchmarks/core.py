"""How fast the main job is: `python tests/benchmarks/core.py [images]` prints ratios measured in this run."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from measure import ROOT, best_of, emptied, program, python, scratch, table

sys.path.insert(0, str(ROOT))
from digitseq import Pipeline, Settings
from digitseq.formats.png_encoder import encode_png
from digitseq.glyphs.loader import load_bank

COMMAND = ("-num", "123456", "-min", 5, "-max", 10, "--seed", 1)


def encode_and_write(first: int, last: int, barrier, folder: Path | None = None) -> None:
    """The floor: images that are ready in memory, encoded and, into `folder`, written, nothing else."""
    pipeline = Pipeline(Settings("123456", min_spacing=5), load_bank(), 1)
    batches = [pipeline.batch(start, min(start + 256, last)) for start in range(first, last, 256)]
    barrier.wait()
    for batch in batches:
        files = encode_png(batch.images, batch.width)
        for number, data in enumerate(files if folder else (), batch.start + 1):
            descriptor = os.open(f"{folder}/{number}.png", os.O_WRONLY | os.O_CREAT, 0o666)
            os.write(descriptor, data)
            os.close(descriptor)
    barrier.wait()


def floor(count: int, folder: Path | None = None) -> float:
    """Seconds that two processes take to encode `count` images and, into `folder`, to write them."""
    if folder:
        emptied(folder).mkdir()
    barrier = multiprocessing.Barrier(3)
    spans = [(0, count // 2), (count // 2, count)]
    workers = [multiprocessing.Process(target=encode_and_write, args=(*span, barrier, folder)) for span in spans]
    for worker in workers:
        worker.start()
    barrier.wait()
    began = time.perf_counter()
    barrier.wait()
    taken = time.perf_counter() - began
    for worker in workers:
        worker.join()
    return taken


def throughput(folder: Path, count: int) -> list[tuple[str, str, str]]:
    naive = Path(__file__).with_name("naive.py")
    best = best_of(
        {
            "two": lambda: program(*COMMAND, "-m", 2, "-s", count, "-o", emptied(folder / "a")),
            "floor": lambda: floor(count, folder / "b"),
            "one": lambda: program(*COMMAND, "-m", 1, "-s", count, "-o", emptied(folder / "c")),
            "naive": lambda: python(naive, emptied(folder / "d"), "123456", count),
        },
        rounds=3,
    )
    print(f"{count:,} images, -m 2: {count / best['two']:,.0f} images/s")
    return [
        ("`-m 2` against a plain per-image loop on two processes", f"{best['naive'] / best['two']:.1f}×", "5×"),
        ("the same against the floor: only encoding and writing", f"{best['floor'] / best['two']:.2f}", "0.65"),
        ("`-m 2` against `-m 1`", f"{best['one'] / best['two']:.2f}×", "1.7×"),
    ]


def start_up(folder: Path) -> list[tuple[str, str, str]]:
    best = best_of(
        {
            "one image": lambda: python(ROOT / "run.py", "-num", "123456", "-o", emptied(folder / "a")),
            "numpy": lambda: python("-c", "import numpy"),
        },
        rounds=20,
    )
    ratio = best["one image"] / best["numpy"]
    return [('one image, whole command, against `python -c "import numpy"`', f"{ratio:.2f}×", "≤ 1.6×")]


def peak_memory(folder: Path, count: int, *more: str) -> float:
    """MB of the largest process of a run, by the kernel's own high-water marks (Linux)."""
    command = [sys.executable, str(ROOT / "run.py"), *map(str, COMMAND), "-m", "2", "-s", str(count), "--quiet", *more]
    running = subprocess.Popen([*command, "-o", str(emptied(folder / "a"))])
    largest = 0
    while running.poll() is None:
        for process in [running.pid, *children(running.pid)]:
            with contextlib.suppress(OSError, IndexError):
                status = Path(f"/proc/{process}/status").read_text()
                largest = max(largest, int(re.findall(r"VmHWM:\s+(\d+)", status)[0]))
        time.sleep(0.05)
    return largest / 1024


def children(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return []


def memory(folder: Path) -> list[tuple[str, str, str]]:
    small, large = peak_memory(folder, 10_000), peak_memory(folder, 1_000_000)
    return [
        ("peak memory of the largest process, 10,000 images", f"{small:.0f} MB", "≤ 250 MB"),
        ("the same, 1,000,000 images", f"{large:.0f} MB ({large / small:.2f}×)", "within 10 %"),
    ]


if __name__ == "__main__":
    with scratch() as folder:
        images = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
        table("main job, ratios within one run", throughput(folder, images) + start_up(folder) + memory(folder))
