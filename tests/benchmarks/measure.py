"""Timing that survives a noisy machine: rivals take turns, and the best time of each counts."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """An empty directory in memory, where there is one."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def best_of(rivals: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Seconds that each rival took at best, by its own account."""
    best = dict.fromkeys(rivals, float("inf"))
    for _ in range(rounds):
        for name, call in rivals.items():
            best[name] = min(best[name], call())
    return best


def program(*arguments: object) -> float:
    """Seconds that `run.py` took, which must succeed."""
    return python(ROOT / "run.py", *arguments)


def python(*arguments: object) -> float:
    """Seconds that Python took, run as its users run it: with compiled modules kept."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, *map(str, arguments)]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - began


def emptied(folder: Path) -> Path:
    """`folder`, which does not exist any more."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def table(title: str, rows: list[tuple[str, str, str]]) -> None:
    """Print rows of (what, measured, required) as Markdown."""
    print(f"\n| {title} | measured | required |\n|---|--:|--:|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
