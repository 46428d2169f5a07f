"""The owner of a run of very many parts: digitseq's own code makes, publishes, stops and resumes it.

`python measured_owner.py FOLDER PARTS` prints what that took, as JSON. Only the images are missing: each part is a shard
of one byte that claims to have `SHARD` images.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from digitseq import Pipeline, Settings
from digitseq.formats.webdataset import OutputFormat
from digitseq.glyphs.loader import load_bank
from digitseq.runs.owned_run import OwnedRun
from digitseq.runs.run_settings import Output
from digitseq.runs.workers import Stop
from digitseq.runs.writing import write_images

ROOT = Path(__file__).resolve().parents[2]
SHARD = 10_000  # images; the default of `shard_size`


@dataclass(frozen=True)
class Owner:
    """A run of `parts` parts, stopped by a signal before the last one, and resumed.

    publish: mean seconds for each part; journal: bytes for each part
    memory, stop_memory, resume_memory: peak of the process, in MB: while it publishes, until it has ended in order, and
    in another process that resumes the run
    stop: seconds from the signal to the end; resume: from the start until the missing part is begun
    """

    parts: int
    publish: float
    journal: float
    memory: float
    stop: float
    stop_memory: float
    resume: float
    resume_memory: float


def measure_owner(folder: Path, parts: int) -> Owner:
    """Runs in two processes of their own, below `folder`, which must be empty."""
    command = [sys.executable, __file__, str(folder), str(parts)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    made, resumed = (
        json.loads(subprocess.run([*command, *more], check=True, stdout=subprocess.PIPE, env=environment).stdout)
        for more in ([], ["resume"])
    )
    (journal,) = folder.glob("*/.digitseq/journal.jsonl")
    return Owner(parts, **made, **resumed, journal=journal.stat().st_size / parts)


def _make(folder: Path, parts: int) -> dict[str, float]:
    """All parts but the last."""
    stop, spent = Stop(), list[float]()  # the last: seconds in `publish`
    at_signal = dict[str, float]()

    def publish(run: OwnedRun, *given: object) -> None:
        began = time.perf_counter()
        real_publish(run, *given)
        spent[:] = [sum(spent) + time.perf_counter() - began]
        if run.finished == parts - 1:
            at_signal.update(when=time.perf_counter(), memory=_peak_memory())
            stop.signal = signal.SIGTERM

    real_publish = OwnedRun.publish
    with mock.patch.object(OwnedRun, "publish", publish), mock.patch.object(OutputFormat, "pieces", _one_byte):
        _write(folder, parts, stop, resume=False)
    return {
        "publish": spent[0] / (parts - 1),
        "memory": at_signal["memory"],
        "stop": time.perf_counter() - at_signal["when"],
        "stop_memory": _peak_memory(),
    }


def _resume(folder: Path, parts: int) -> dict[str, float]:
    began, first = time.perf_counter(), list[float]()

    def pieces(*given: object) -> Iterator[bytes]:
        first.append(time.perf_counter() - began)
        return _one_byte()

    with mock.patch.object(OutputFormat, "pieces", pieces):
        _write(folder, parts, Stop(), resume=True)
    assert len(first) == 1, f"{len(first)} parts were made, not the one that was missing"
    return {"resume": first[0], "resume_memory": _peak_memory()}


def _write(folder: Path, parts: int, stop: Stop, resume: bool) -> None:
    pipeline = Pipeline(Settings("123456", min_spacing=5), load_bank(), 1)
    output = Output(output_path=str(folder), format="webdataset", size=parts * SHARD, resume=resume, card="off")
    write_images(pipeline, output, stop)


def _one_byte(*given: object) -> Iterator[bytes]:
    yield b"x"


def _peak_memory() -> float:
    """MB of this process, by the kernel's own high-water mark (Linux)."""
    return int(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[0]) / 1024


if __name__ == "__main__":
    load_bank()  # it may have to be built, which takes memory that is none of the run's
    call = _resume if len(sys.argv) > 3 else _make
    print(json.dumps(call(Path(sys.argv[1]), int(sys.argv[2]))))
