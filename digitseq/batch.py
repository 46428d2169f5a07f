"""A whole run: which range, on how many processes, and what happens when it breaks off."""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from digitseq.errors import DigitseqError, DigitseqWarning, RunError
from digitseq.folder import Folder
from digitseq.labels import LabelFile, label_lines
from digitseq.loader import load_bank
from digitseq.pipeline import Pipeline
from digitseq.pool import Stop, Task, WorkerDied, run_tasks
from digitseq.settings import Output, Settings
from digitseq.version import __version__
from digitseq.writer import ImageWriter

BATCHES_A_TASK = 1
Progress = Callable[[int], object]


@dataclass(frozen=True)
class Report:
    """What a run did: it made `count` of the `wanted` images, the first of them number `first` (from 1)."""

    folder: Path
    first: int
    count: int
    wanted: int
    seed: int
    seconds: float

    def remainder(self) -> str:
        """What is finished of a run that broke off, and how to go on."""
        rest = self.wanted - self.count
        return (
            f"{self.count:,} of {self.wanted:,} images are finished and listed in {self.folder}; "
            f"to make the rest, give the same command with --seed {self.seed} -s {rest}"
        )


def write_images(
    pipeline: Pipeline, output: Output, stop: Stop | None = None, progress: Progress | None = None
) -> Report:
    """Write `output.count` images into `<output_path>/<number>/`, on from the highest number there.

    `progress` is called with the number of images finished since its last call. Raises `OutputError` when
    nothing can be written, `RunError` when the run breaks off; what was finished by then is whole and listed.
    """
    began = time.perf_counter()
    with Folder(output.output_path, pipeline.settings.number) as folder:
        runs = folder.read_runs()
        if runs and runs[-1].get("status") == "running":
            _list_broken_run(folder, runs[-1], output.cache)
        start = max(folder.numbers(), default=0)
        span = (start, start + output.count)
        label_file = LabelFile(folder.path, output.labels)
        record = _record(pipeline, span, label_file)
        folder.begin([*runs, record])
        count, fault = _make(folder, pipeline, span, output, stop or Stop(), progress)
        record |= {"status": "finished" if count == output.count else "interrupted", "images": count}
        with contextlib.suppress(OSError):
            folder.write_runs([*runs, record])
    report = Report(folder.path, start + 1, count, output.count, pipeline.seed, time.perf_counter() - began)
    if fault and count < output.count:
        raise RunError(f"{fault}: {report.remainder()}")
    return report


def _make(
    folder: Folder, pipeline: Pipeline, span: Task, output: Output, stop: Stop, progress: Progress | None
) -> tuple[int, str]:
    """Make and list the images of `span`, in order. Returns how many, and what broke the run off."""
    label_file = LabelFile(folder.path, output.labels)
    writer = ImageWriter(pipeline, folder.path, output.labels)
    size = pipeline.batch_size * BATCHES_A_TASK
    starts = range(*span, size)
    tasks = ((first, min(first + size, span[1])) for first in starts)
    listed, label_bytes, fault = span[0], label_file.size(), ""
    try:
        with contextlib.closing(run_tasks(writer, tasks, _processes(output, len(starts)), stop)) as results:
            for (first, last), name in results:
                part = folder.path / name
                label_file.append(part.read_bytes())
                part.unlink()
                listed, label_bytes = last, label_file.size()
                if progress:
                    progress(last - first)
    except OSError as error:
        fault = f"cannot write to {folder.path} ({error.strerror})"
    except WorkerDied as error:
        fault = str(error)
    done = listed - span[0]
    if listed < span[1]:
        folder.clean()
        done += _list_unlisted(folder, pipeline, (listed, span[1]), label_file, label_bytes)
    return done, fault


def _list_unlisted(folder: Folder, pipeline: Pipeline, span: Task, label_file: LabelFile, label_bytes: int) -> int:
    """List the images of `span` that stand in the folder, after the first `label_bytes` bytes of labels.

    Their labels are computed again: they depend on settings, seed and number alone. Images that a killed
    process left half-written are removed. Returns how many are listed.
    """
    label_file.cut(label_bytes)
    there = sorted(n for n in folder.numbers() if span[0] < n <= span[1] and not folder.remove_torn(n))
    done = 0
    while there:
        first = there[0]
        numbers = [n for n in there[: pipeline.batch_size] if n < first + pipeline.batch_size]
        lines = label_lines(pipeline.batch(first - 1, numbers[-1]), label_file.labels).splitlines(keepends=True)
        done += _append_or_drop(folder, label_file, numbers, [lines[n - first] for n in numbers] if lines else [])
        there = there[len(numbers) :]
    return done


def _append_or_drop(folder: Folder, label_file: LabelFile, numbers: list[int], lines: list[bytes]) -> int:
    """List the images `numbers`; on a full disk the newest of them make room for the lines of the others.

    Returns how many are listed.
    """
    kept = len(numbers)
    while kept:
        try:
            label_file.append(b"".join(lines[:kept]))
            break
        except OSError:
            fewer = kept * 7 // 8
            for number in numbers[fewer:kept]:
                folder.image(number).unlink(missing_ok=True)
            kept = fewer
    return kept


def _list_broken_run(folder: Folder, record: dict[str, Any], cache: str | None) -> None:
    """List what a run that was killed has left, and mark it as interrupted."""
    try:
        settings = Settings(**record["settings"])
        pipeline = Pipeline(settings, load_bank(settings.split, cache), record["seed"])
        if (record["version"], record["dataset"]["sha256"]) != (__version__, pipeline.bank.digest):
            raise DigitseqError("it was made by another version or from other data")
        label_file = LabelFile(folder.path, record["labels"])
        span = (record["first"] - 1, record["last"])
        record["images"] = _list_unlisted(folder, pipeline, span, label_file, record["label_bytes"])
    except (DigitseqError, KeyError, TypeError) as error:
        warnings.warn(
            f"{folder.path}: the last run broke off and cannot be listed ({error})", DigitseqWarning, stacklevel=2
        )
    record["status"] = "interrupted"


def _record(pipeline: Pipeline, span: Task, label_file: LabelFile) -> dict[str, Any]:
    return {
        "version": __version__,
        "status": "running",
        "seed": pipeline.seed,
        "first": span[0] + 1,
        "last": span[1],
        "images": 0,
        "labels": label_file.labels,
        "label_bytes": label_file.size(),
        "dataset": {"name": "mnist", "split": pipeline.settings.split, "sha256": pipeline.bank.digest},
        "settings": asdict(pipeline.settings),
    }


def _processes(output: Output, tasks: int) -> int:
    wanted = output.multi_core or 0
    return max(min((os.cpu_count() or 1) if wanted == -1 else wanted, tasks), 1)
