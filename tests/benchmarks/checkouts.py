"""How fast another checkout makes the same images: one process for each, on one core, that take turns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from measure import ROOT

# Six digits, others in each image. In processor time: others who use the machine count less.
WORKER = """
import json, sys, time
import cv2
from digitseq import Settings
from digitseq.pipeline import Pipeline
from digitseq.renderer.renderer_cache import renderer_of
cv2.setNumThreads(1)
made = {}
for line in sys.stdin:
    values, start, images = json.loads(line)
    name = json.dumps(values)
    if name not in made:
        settings = Settings(random_digits=(6, 6), **values)
        made[name] = Pipeline(settings, renderer_of(settings, keep_sizes=True).bank, 1)
        made[name].batch(0, made[name].batch_size)
    batch = made[name].batch_size
    began = time.process_time()
    for first in range(start, start + images, batch):
        made[name].batch(first, first + batch)
    print((time.process_time() - began) / (-(-images // batch) * batch), flush=True)
"""
JOBS: dict[str, dict[str, Any]] = {
    "plain": {},
    "`-da -ra`": {"data_augmentation": True, "random_all": True},
    "`light`": {"augment": "light"},
    "`medium`": {"augment": "medium"},
    "`heavy`": {"augment": "heavy"},
    "`scan`": {"augment": "scan"},
    "`light`, height 64": {"augment": "light", "image_height": 64, "image_width": 460},
    "`medium`, height 64": {"augment": "medium", "image_height": 64, "image_width": 460},
    "`--style pen`, `scan`": {"augment": "scan", "style": "pen"},
}


class Checkout:
    """A process that runs the digitseq of a checkout."""

    def __init__(self, folder: Path) -> None:
        environment = os.environ | {"PYTHONPATH": str(folder), "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-c", WORKER]
        self._process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def seconds(self, values: dict[str, Any], start: int, images: int) -> float:
        """Seconds an image of at least so many, from number `start` on, with these settings."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps((values, start, images)) + "\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def compare(other: Path, rounds: int = 9, images: int = 1024) -> None:
    """Print images per second of another checkout and of this one, and how much faster this one is."""
    rivals = [Checkout(folder) for folder in (other, ROOT)]
    print("\n| one core | before, images/s | now, images/s | ratio | median of ratios |\n|---|--:|--:|--:|--:|")
    for name, values in JOBS.items():
        taken = []
        for k in range(rounds):
            # each is the first one in every other round: what comes second can be slower
            turns = rivals[:: 1 - 2 * (k % 2)]
            taken.append([rival.seconds(values, k * 2 * images, images) for rival in turns][:: 1 - 2 * (k % 2)])
        before, now = (min(times) for times in zip(*taken))
        middle = median(first / second for first, second in taken)
        row = f"{1 / before:,.0f} | {1 / now:,.0f} | {before / now:.2f}× | {middle:.2f}×"
        print(f"| {name} | {row} |", flush=True)
    for rival in rivals:
        rival.close()
