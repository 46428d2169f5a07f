"""What making a part takes on this machine, and what Dask takes for a task."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digitseq import Pipeline, Settings
from digitseq.formats import format_of
from digitseq.formats.base import Job
from digitseq.formats.parts import Part, Receipt
from digitseq.glyphs.loader import load_bank
from digitseq.runs.workers import make_part

from .measured_owner import SHARD

DOCUMENTED = 1e-3  # seconds: "each task suffers about 1ms of overhead", https://distributed.dask.org/en/latest/
IN_FLIGHT = 50


@dataclass(frozen=True)
class Making:
    """mean, spread: seconds of one core for a part, and their standard deviation as a share; size: bytes of it."""

    mean: float
    spread: float
    size: float


def measure_making(folder: Path, augment: str | None, parts: int) -> Making:
    """That of webdataset shards, written below `folder`."""
    more = {"augment": augment} if augment else {}
    pipeline = Pipeline(Settings("123456", min_spacing=5, max_spacing=10, **more), load_bank(), 1)
    pipeline.use_one_thread()
    job = Job(pipeline, "x", 0, (parts + 1) * SHARD, (), {"first_shard": 0, "shard_size": SHARD})
    seconds, size = list[float](), 0
    for number in range(parts + 1):
        part = Part(number, 0, number * SHARD, (number + 1) * SHARD)
        with tempfile.TemporaryDirectory(dir=folder) as stage:
            began = time.process_time()
            receipt = make_part(format_of("webdataset"), [job], part, Path(stage), lambda: None)
            seconds.append(time.process_time() - began)
            size = receipt.files[0].size
    warm = np.array(seconds[1:])  # the first prepares what the others use, too
    return Making(float(warm.mean()), float(warm.std() / warm.mean()), size)


def measure_dask(folder: Path, tasks: int) -> tuple[float, float] | None:
    """Processor seconds for a task of the client and of the scheduler, which are processes of their own.

    The tasks do nothing, and return what has the size of a receipt. None without Dask.
    """
    try:
        from distributed import Client
    except ImportError:
        return None
    contact, running = folder / "scheduler.json", list[subprocess.Popen[bytes]]()
    options = ["--no-dashboard", "--scheduler-file", str(contact)]
    worker = ["--nthreads", "1", "--no-nanny"]
    kinds = [["scheduler", "--host", "127.0.0.1", "--port", "0"], *(["worker", *worker] for _ in range(2))]
    try:
        for name, *more in kinds:
            command = [sys.executable, "-m", f"distributed.cli.dask_{name}", *more, *options]
            running.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        with Client(scheduler_file=str(contact), timeout=30) as client:
            client.wait_for_workers(2, timeout=30)
            executor, in_flight = client.get_executor(pure=False), deque()
            began = time.process_time(), _processor_seconds(running[0].pid)
            for number in range(tasks):
                in_flight.append(executor.submit(Receipt, number, ("x" * 100,), ()))
                if len(in_flight) > IN_FLIGHT:
                    in_flight.popleft().result()
            while in_flight:
                in_flight.popleft().result()
            ended = time.process_time(), _processor_seconds(running[0].pid)
    finally:
        for process in reversed(running):
            process.kill()
            process.wait()
    return (ended[0] - began[0]) / tasks, (ended[1] - began[1]) / tasks


def _processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
