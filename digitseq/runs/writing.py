"""A whole run: which images, on how many processes, and what happens when it breaks off.

- Ctrl-C or SIGTERM requests a `Stop`. The part that is being published gets finished, the workers are killed, what they
  left is removed, and the record says "interrupted". A second signal raises KeyboardInterrupt: a part that is half
  published is taken back, and the record stays "running".
- When the disk is full or a worker dies, a part that is half published is taken back, and then all is as after Ctrl-C.
- After kill -9 the record stays "running", and the journal says which parts are finished. The next run into the folder,
  with or without `--resume`, takes back and removes what this one could not.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from digitseq.errors import DataError, DigitseqError, DigitseqWarning, NarrowError, OutputError, RunError, SettingsError
from digitseq.pipeline import Pipeline
from digitseq.runs.card import update_card
from digitseq.runs.earlier_runs import (
    check_alone,
    check_follows,
    check_other_parts,
    is_continued,
    warn_of_other_settings,
)
from digitseq.runs.folder import RECORD, RunFolder, read_runs
from digitseq.runs.making import crew_of, make_parts, processes, together
from digitseq.runs.manifest import (
    Record,
    check_same,
    is_half_removed,
    last_run,
    new_record,
    sections_of,
    size_of,
    whole_size,
)
from digitseq.runs.owned_run import OwnedRun
from digitseq.runs.ownership import locked_folder
from digitseq.runs.results import Results, end_abandoned, finished_results, publish_results
from digitseq.runs.run_settings import Output
from digitseq.runs.splits import placements, result_paths, run_images
from digitseq.runs.target import check_target, run_path
from digitseq.runs.workers import Stop
from digitseq.settings import Settings

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from digitseq.runs.estimate import Estimate
    from digitseq.runs.executor import Crew

Progress = Callable[[int], object]  # called with the number of images finished since its last call


@dataclass(frozen=True, eq=False)
class Report:
    """What a run did: `count` of the `wanted` images exist, numbered from `first`; `made` of them are new.

    estimate: after a dry run, what would be made
    continued: whether an earlier run has made other images of the same series
    """

    folder: Path
    first: int
    count: int
    wanted: int
    made: int
    seed: int
    seconds: float
    estimate: Estimate | None = None
    continued: bool = False

    def finished(self) -> str:
        """How much of an interrupted run is finished."""
        return f"{self.count:,} of {self.wanted:,} images are finished in {self.folder}"

    def remainder(self) -> str:
        """The same, and how to make the rest."""
        return f"{self.finished()}; to make the rest, give the same settings and `resume`"


def recorded_run(settings: Settings, output: Output) -> tuple[int, int]:
    """Seed and number of images of the run that is to be resumed. Raises `OutputError` when there is none."""
    path = run_path(settings, output)
    record = last_run(path, read_runs(path))
    return record["seed"], size_of(record)


def write_images(
    pipeline: Pipeline,
    output: Output,
    stop: Stop | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> Report:
    """Write `output.count` images into `<output_path>/<number>/`, numbered after those that are already there.

    With `output.resume` it finishes the last run instead, to the same bytes as if that had not been interrupted.
    Without it, an interrupted run can no longer be resumed afterwards; a `DigitseqWarning` says so.
    With `output.shards` it writes one part of these images into a folder of its own, which gets no others; what resumes
    it may begin it, too. A part without images has a report with `wanted` and `count` 0.
    With `output.dry_run` nothing is made: the report has an estimate, and whatever a run refuses is refused.

    progress: called with the number of images finished since its last call
    executor: makes the parts, instead of processes of this run; only its `submit` is used
    Raises `OutputError` when nothing can be written, and `RunError` when the run breaks off; what was finished by then
    is whole and listed.
    """
    began, faults = time.perf_counter(), list[DigitseqError]()
    if output.split_ratio and pipeline.settings.split != "train":
        raise SettingsError("`split_ratio` chooses the glyphs itself: leave out `split`", "split")
    stop, path = stop or Stop(), run_path(pipeline.settings, output)
    check_target(path, output, executor is not None)
    if not run_images(output):
        return Report(path, 0, 0, 0, 0, pipeline.seed, time.perf_counter() - began)
    with (
        crew_of(output, executor, stop) as crew,
        locked_folder(path, stop.requested, wait=output.resume) as folder,
    ):
        runs = read_runs(folder.path)
        run = _begun(folder, runs, pipeline, output)
        wanted = 0 if run.record["status"] == "finished" else size_of(run.record)
        before = sum(run.images)
        if output.dry_run:
            from digitseq.runs.estimate import estimated  # runs start sooner without

            at_once = crew.workers() if crew else min(processes(output), os.cpu_count() or 1)
            planned = estimated(run, at_once)
            seconds = time.perf_counter() - began
            return Report(folder.path, run.sections[0].first, before, wanted, 0, pipeline.seed, seconds, planned)
        if wanted:
            # before the first image: without the record, nobody could tell what the journal is about
            run.record |= {"status": "running", "processes": 0 if crew else processes(output)}
            folder.write_runs(runs)
            faults = _make(run, runs, output, stop, progress, crew)
        if any(section.images for section in sections_of(run.record)):
            # before the record says "finished": if the run is killed here, --resume writes the card again
            with _collected(faults, folder):
                update_card(run, runs, output.card)
        if wanted:
            with contextlib.suppress(OSError, RunError):  # it still says "running": the next run reads the journal
                folder.write_runs(runs)
    first, count, seconds = run.sections[0].first, sum(run.images), time.perf_counter() - began
    continued = not output.resume and is_continued(runs[:-1], run.record, output)
    report = Report(folder.path, first, count, wanted, count - before, pipeline.seed, seconds, continued=continued)
    if faults:
        tail = report.finished() if isinstance(faults[0], NarrowError) else report.remainder()
        raise RunError(f"{faults[0]}: {tail}")
    return report


def _begun(folder: RunFolder, runs: list[Record], pipeline: Pipeline, output: Output) -> OwnedRun:
    """A new run or, with `resume`, the last one, if there is one. Raises what `_new` and `_resumed` do."""
    if output.resume and not runs and folder.journal.size():
        raise OutputError(
            f"{folder.path} has parts of a run, but {RECORD} is missing, which says of which: put it back, or leave "
            "out `resume`"
        )
    # a job that is queued again gives the same command, wherever it was ended
    begins = not output.resume or (not runs and output.begins_alone)
    return (_new if begins else _resumed)(folder, runs, pipeline, output)


def _new(folder: RunFolder, runs: list[Record], pipeline: Pipeline, output: Output) -> OwnedRun:
    """A new run, after those that are in the folder. Raises `OutputError` and what `Format.begin` does."""
    if output.shards and runs and not (output.overwrite or is_half_removed(runs)):
        raise OutputError(
            f"{folder.path} has a run already: give `resume` to finish it, or `overwrite` to begin it anew"
        )
    unfinished = runs[-1] if runs and runs[-1]["status"] != "finished" else None
    if not output.dry_run:
        folder.remove_stages()
    if unfinished and not output.dry_run and end_abandoned(folder, unfinished)["status"] == "finished":
        unfinished = None
    placed = placements(pipeline, output)
    Results(folder.path, runs).check(result_paths(placed, output, folder.path))
    where = folder.path
    with tempfile.TemporaryDirectory() as empty:
        if output.overwrite or is_half_removed(runs):
            for placement in placed:  # what is refused anyway is refused before anything is removed
                placement.begin(output, Path(empty), [])
            if output.dry_run:
                where, runs = Path(empty), []
            else:
                from digitseq.runs.clearing import remove_runs  # runs start sooner without

                remove_runs(folder, runs)
            unfinished = None
        asked = new_record(pipeline, output, [])
        check_follows(folder.path, runs, asked)
        if output.shards:
            check_other_parts(folder.path, asked)
        sections = [placement.begin(output, where, runs) for placement in placed]
    if output.overwrite and not (output.start or output.shards):
        check_alone(folder.path, sections)
    # up to here the new run may be refused, and then the last one can still be resumed
    if unfinished:
        warnings.warn(
            f"the interrupted run of {size_of(unfinished):,} images in {folder.path} can no longer be resumed: this "
            "run follows it. To finish a run, give its settings again and `resume` first",
            DigitseqWarning,
            stacklevel=4,
        )
    if not output.dry_run:
        folder.remove_directory(folder.kept)
    record = new_record(pipeline, output, sections) | {"journal": folder.journal.size()}
    warn_of_other_settings(folder.path, runs, record)
    runs.append(record)
    return OwnedRun(folder, record, [each.job(output, section) for each, section in zip(placed, sections)])


def _resumed(folder: RunFolder, runs: list[Record], pipeline: Pipeline, output: Output) -> OwnedRun:
    """The last run, recovered. Raises `OutputError` when it was given other settings."""
    record = last_run(folder.path, runs)
    if is_half_removed(runs):
        raise OutputError(f"the run in {folder.path} was being removed: leave out `resume`")
    asked = new_record(pipeline, output, []) | ({"size": output.size} if output.size is not None else {})
    check_same(folder.path, record | {"size": whole_size(record)}, asked)
    run = OwnedRun(folder, record)
    placed = placements(pipeline, replace(output, size=whole_size(record)))
    if record["status"] != "finished":
        Results(folder.path, runs).check(result_paths(placed, output, folder.path))
    run.jobs = [placement.job(output, section) for placement, section in zip(placed, run.sections, strict=True)]
    if output.dry_run:
        run.count_finished()
        return run
    folder.remove_stages()
    if record["status"] != "finished":
        run.recover(verify=True)
    return run


def _make(
    run: OwnedRun, runs: list[Record], output: Output, stop: Stop, progress: Progress | None, crew: Crew | None
) -> list[DigitseqError]:
    """Make the missing parts of `run`, the last of `runs`, and update its record at the end.

    Returns the errors; the first broke it off.
    """
    folder, size, faults = run.folder, size_of(run.record), list[DigitseqError]()
    if progress and sum(run.images):
        progress(sum(run.images))
    try:
        # inside out: the workers are dead before the stage is removed, the stage before anything is taken back
        with (
            _collected(faults, folder),
            folder.stage() as stage,
            contextlib.closing(make_parts(run, stage, output, stop, crew)) as receipts,
        ):
            for group in together(receipts, folder.at_once):
                run.publish(group, stage)
                if progress:
                    progress(sum(receipt.part.stop - receipt.part.start for receipt in group))
    finally:
        if folder.is_owned():
            with _collected(faults, folder):
                if sum(run.images) < size:
                    run.stop()
                run.end("interrupted")  # a run that could not be recovered stays "running": the next one does it
    with _collected(faults, folder), folder.scratch() as scratch:
        folder.check_owned()
        run.merge_additions()
        publish_results(folder, runs, finished_results(run, scratch))
    complete = not faults and sum(run.images) == size
    if complete:
        run.end("finished")
    if folder.is_owned() and (complete or not sum(run.images)):
        folder.remove_directory(folder.kept)
    return faults


@contextlib.contextmanager
def _collected(faults: list[DigitseqError], folder: RunFolder) -> Iterator[None]:
    """Add an error of the block to `faults` instead of raising it: the run must be brought to an end first."""
    try:
        yield
    except OSError as error:
        faults.append(RunError(f"cannot write to {folder.path} ({error.strerror or error})"))
    except MemoryError:
        faults.append(RunError("there is not enough memory"))
    except (DataError, OutputError, RunError) as error:
        faults.append(error)
