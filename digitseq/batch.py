"""A whole run: which range, on how many processes, and what happens when it breaks off."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from digitseq.errors import DataError, DigitseqError, NarrowError, OutputError, RunError
from digitseq.folder import Folder
from digitseq.naming import file_stem, folder_name
from digitseq.output import Output
from digitseq.pipeline import Pipeline
from digitseq.pool import Stop, run_tasks
from digitseq.record import Record, Share, check_same, last_run, new_record, placed, recorded_pipeline
from digitseq.writers import Job, Writer, writer_class
from digitseq.writers.base import spans

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
    format: str = "png"
    alone: bool = True  # not in parts, and no part of another run
    series: bool = True  # image i depends on i, whichever run it belongs to

    def finished(self) -> str:
        """What is finished of a run that broke off."""
        return f"{self.count:,} of {self.wanted:,} images are finished and listed in {self.folder}"

    def remainder(self) -> str:
        """The same, and how to go on."""
        rest, again = self.wanted - self.count, self.format == "png" and self.alone and self.series
        fresh = f"--seed {self.seed} -s {rest}, or with " if again else ""
        return f"{self.finished()}; to make the rest, give the same command with {fresh}--resume"


def write_images(
    pipeline: Pipeline, output: Output, stop: Stop | None = None, progress: Progress | None = None
) -> Report:
    """Write `output.count` images into `<output_path>/<number>/`, on from those that are there.

    `progress` is called with the number of images finished since its last call. Raises `OutputError` when
    nothing can be written, `RunError` when the run breaks off; what was finished by then is whole and listed.
    With `output.resume` it finishes the last run instead, to the same bytes as if it had not broken off.
    """
    writer_class(output.format).check(pipeline, output.count)
    if output.split_ratio is not None:
        from digitseq.splits import write_parts

        return write_parts(pipeline, output, stop or Stop(), progress)
    return write_folder(pipeline, output, stop or Stop(), progress, folder_name(pipeline.settings))


def write_folder(
    pipeline: Pipeline, output: Output, stop: Stop, progress: Progress | None, name: str, share: Share | None = None
) -> Report:
    """Write images into `<output_path>/<name>`; see `write_images`. `share`: what to record of the glyphs."""
    began, s = time.perf_counter(), pipeline.settings
    if output.resume:
        last_run(Path(output.output_path) / name)  # before a folder is made
    with Folder(output.output_path, name) as folder:
        runs = folder.read_runs()
        earlier = runs[:-1] if output.resume else runs
        try:
            job, record = (_recorded_job if output.resume else _new_job)(folder, runs, pipeline, output, share)
        except OSError as error:
            raise OutputError(f"cannot read {folder.path} ({error.strerror}): name another directory with -o") from None
        if output.resume and record["status"] == "finished":
            return Report(folder.path, record["last"] + 1, 0, 0, pipeline.seed, 0, output.format)
        record |= {"status": "running", "images": 0}
        folder.begin([*earlier, record])
        count, fault = _make(job, output, stop, progress)
        wanted = job.span[1] - job.span[0]
        record |= {"status": "interrupted" if fault or count < wanted else "finished", "images": count}
        with contextlib.suppress(OSError):
            folder.write_runs([*earlier, record])
    seconds = time.perf_counter() - began
    series = not (s.unique or s.balanced or s.numbers_file)
    first, alone = job.span[0] + 1, not share
    report = Report(folder.path, first, count, wanted, pipeline.seed, seconds, output.format, alone, series)
    if fault:
        raise RunError(f"{fault}: {report.finished() if isinstance(fault, NarrowError) else report.remainder()}")
    return report


def _new_job(
    folder: Folder, runs: list[Record], pipeline: Pipeline, output: Output, share: Share | None
) -> tuple[Job, Record]:
    if runs and runs[-1].get("status") == "running":
        _mend_broken_run(folder, runs[-1], output.cache)
    kind, name = writer_class(output.format), file_stem(pipeline.settings)
    start = kind.start(folder, runs)
    span = (start, start + output.count)
    pipeline = placed(pipeline, start, share)
    plan = kind.plan(folder, name, output)
    return Job(pipeline, folder, name, span, plan), new_record(pipeline, output, span, plan, share)


def _recorded_job(
    folder: Folder, runs: list[Record], pipeline: Pipeline, output: Output, share: Share | None
) -> tuple[Job, Record]:
    """The last run's own job. Raises `OutputError` when what is asked for now is something else."""
    record = runs[-1]
    if "split_ratio" in record:
        check_same(folder.path, record, {"split_ratio": None})
    span = (record["first"] - 1, record["last"])
    pipeline = placed(pipeline, span[0], share)
    asked = new_record(pipeline, output, span, writer_class(output.format).plan(folder, "", output), share)
    for changing in ("status", "images", "label_bytes", "first_shard"):
        asked.pop(changing, None)
    size = {"size": span[1] - span[0]}
    check_same(folder.path, record | size, asked | ({"size": output.size} if output.size is not None else {}))
    return Job(pipeline, folder, file_stem(pipeline.settings), span, record, again=True), record


def _mend_broken_run(folder: Folder, record: Record, cache: str | None) -> None:
    """Keep what a run that was killed has left whole, and mark it as interrupted.

    Raises `OutputError` when its images cannot be labelled, as its data are not there any more.
    """
    try:
        pipeline = recorded_pipeline(record, cache)
        span = (record["first"] - 1, record["last"])
        job = Job(pipeline, folder, file_stem(pipeline.settings), span, record)
        record["images"] = writer_class(record["format"])(job).abort()
    except (DigitseqError, KeyError, TypeError) as error:
        raise OutputError(
            f"the last run into {folder.path} was killed, and its images cannot be listed ({error}): finish it with "
            "its own command and --resume, or name another directory with -o"
        ) from None
    record["status"] = "interrupted"


def _make(job: Job, output: Output, stop: Stop, progress: Progress | None) -> tuple[int, DigitseqError | None]:
    """Make the images of `job`, in order. Returns how many stand there whole, and what broke the run off."""
    writer = writer_class(output.format)(job)
    fault: DigitseqError | None = None
    try:
        if _make_parts(writer, job, output, stop, progress):
            writer.close()
            return job.span[1] - job.span[0], None
    except OSError as error:
        fault = RunError(f"cannot write to {job.folder.path} ({error.strerror or error})")
    except (DataError, RunError) as error:
        fault = error
    return writer.abort(), fault


def _make_parts(writer: Writer, job: Job, output: Output, stop: Stop, progress: Progress | None) -> bool:
    """Whether all parts were made."""
    made = writer.open()
    if progress and made > job.span[0]:
        progress(made - job.span[0])
    tasks = spans(made, job.span[1], writer.task_size)
    parts = -(-(job.span[1] - made) // writer.task_size)
    with contextlib.closing(run_tasks(writer.maker, tasks, _processes(output, parts), stop)) as results:
        for task, part in results:
            writer.commit(task, part)
            made = task[1]
            if progress:
                progress(task[1] - task[0])
    return made == job.span[1]


def _processes(output: Output, parts: int) -> int:
    wanted = output.multi_core or 0
    return max(min((os.cpu_count() or 1) if wanted == -1 else wanted, parts), 1)
