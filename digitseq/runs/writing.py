"""A whole run: which images, on how many processes, and what happens when it breaks off."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from digitseq.errors import DataError, DigitseqError, NarrowError, OutputError, RunError, SettingsError
from digitseq.formats import format_of
from digitseq.formats.base import Format, Job
from digitseq.formats.parts import Part
from digitseq.pipeline import Pipeline
from digitseq.runs.folder import RunFolder, output_error, read_runs
from digitseq.runs.journal import Journal, Progress
from digitseq.runs.manifest import (
    Record,
    Section,
    begin_section,
    check_same,
    last_run,
    new_record,
    parts_of,
    placements,
    sections_of,
    size_of,
)
from digitseq.runs.naming import folder_name
from digitseq.runs.owner import Owner, RunFiles, drop_incomplete, mend, remove_unpublished
from digitseq.runs.run_settings import Output
from digitseq.runs.workers import PARTS_AHEAD, PartMaker, Stop, ThisProcess, Workers, make_parts
from digitseq.settings import Settings

Told = Callable[[int], object]  # called with the number of images finished since its last call
JOURNAL = "journal.jsonl"
MAX_PROCESSES = 256


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
    alone: bool = True  # not in train/, val/ and test/

    def finished(self) -> str:
        """What is finished of a run that broke off."""
        return f"{self.count:,} of {self.wanted:,} images are finished in {self.folder}"

    def remainder(self) -> str:
        """The same, and how to go on."""
        return f"{self.finished()}; to make the rest, give the same command with --resume"


@dataclass
class Run:
    """A run that is about to be made, or to go on. progress: what of it is finished already."""

    record: Record
    sections: list[Section]
    jobs: list[Job]
    progress: Progress


class Recorded(NamedTuple):
    """What a run began with."""

    seed: int
    size: int


def recorded_run(settings: Settings, output: Output) -> Recorded:
    """Seed and size of the run that is to be resumed. Raises `OutputError` when there is none."""
    path = Path(output.output_path) / folder_name(settings)
    record = last_run(path, read_runs(path))
    return Recorded(int(record["seed"]), size_of(record))


def write_images(
    pipeline: Pipeline,
    output: Output,
    stop: Stop | None = None,
    progress: Told | None = None,
) -> Report:
    """Write `output.count` images into `<output_path>/<number>/`, on from those that are there.

    `progress` is called with the number of images finished since its last call. Raises `OutputError` when
    nothing can be written, `RunError` when the run breaks off; what was finished by then is whole and listed.
    With `output.resume` it finishes the last run instead, to the same bytes as if it had not broken off.
    """
    began, stop = time.perf_counter(), stop or Stop()
    if output.split_ratio and pipeline.settings.split != "train":
        raise SettingsError("split_ratio chooses the glyphs itself: leave out split", "split")
    format_, name = format_of(output.format), folder_name(pipeline.settings)
    if output.resume:
        path = Path(output.output_path) / name
        last_run(path, read_runs(path))  # before a folder is made
    with RunFolder(output.output_path, name) as folder:
        runs, fault = folder.read_runs(), None
        try:
            with Journal(folder.private / JOURNAL) as journal:
                run = (_resumed if output.resume else _new)(folder, journal, runs, pipeline, output, format_)
                wanted = 0 if run.record["status"] == "finished" else size_of(run.record)
                if wanted:
                    runs = [*(runs[:-1] if output.resume else runs), run.record]
                    run.record |= {"status": "running", "processes": _processes(output)}
                    folder.write_runs(runs)
                    folder.begun = True
                    fault = _make(folder, journal, run, output, format_, stop, progress)
                    with suppress(OSError, RunError):  # the journal tells the next run
                        folder.write_runs(runs)
        except OSError as error:
            raise output_error(folder.path, error) from None
    report = Report(
        folder.path, run.sections[0].first, sum(s.images for s in sections_of(run.record)) if wanted else 0, wanted,
        pipeline.seed, time.perf_counter() - began, output.format, output.split_ratio is None,
    )  # fmt: skip
    if fault:
        raise RunError(f"{fault}: {report.finished() if isinstance(fault, NarrowError) else report.remainder()}")
    return report


def _new(
    folder: RunFolder, journal: Journal, runs: list[Record], pipeline: Pipeline, output: Output, format_: Format
) -> Run:
    """A run on from those that are in the folder; the last of them is ended, if it was killed."""
    folder.remove_stages()
    if runs and runs[-1].get("status") == "running":
        _end_killed_run(folder, journal, runs[-1])
    folder.remove_kept()
    ratio = output.split_ratio and list(output.split_ratio)
    if ratio and any(run.get("split_ratio") not in (None, ratio) for run in runs):
        raise OutputError(
            f"{folder.path} was written with another split_ratio, so that a glyph could get into two parts: name "
            "another directory with -o"
        )
    placed = placements(pipeline, output)
    sections = [begin_section(placement, output, format_, folder.path, runs) for placement in placed]
    record = new_record(pipeline, output, sections) | {"journal": journal.size()}
    jobs = [placement.job(output, section) for placement, section in zip(placed, sections)]
    return Run(record, sections, jobs, Progress(record["journal"]))


def _end_killed_run(folder: RunFolder, journal: Journal, record: Record) -> None:
    """Keep the finished parts of a run that was killed, and nothing else of it."""
    sections = sections_of(record)
    if not sections:
        return
    keeps = format_of(record["format"]).keeps
    progress = _read_progress(journal, record, sections)
    files = RunFiles(folder, [section.folder for section in sections], keeps)
    mend(files, journal, progress)
    _remove_unpublished(files, record, sections, [progress.images(i) for i in range(len(sections))])
    # without --resume nothing is put together from what was kept
    _end(record, sections, [0 if keeps else progress.images(i) for i in range(len(sections))], False)


def _read_progress(journal: Journal, record: Record, sections: list[Section]) -> Progress:
    """What is finished of the recorded run. `OutputError` when the journal has other parts than the record."""
    progress = journal.read(record["journal"])
    begun = [progress.begun.part] if progress.begun else []
    parts = [*(receipt.part for receipt, _ in progress.finished), *begun]
    if parts != list(islice(parts_of(sections), len(parts))):
        raise OutputError(
            f"{journal.path} and run.json beside it do not belong together: name another directory with -o"
        )
    return progress


def _resumed(
    folder: RunFolder, journal: Journal, runs: list[Record], pipeline: Pipeline, output: Output, format_: Format
) -> Run:
    """The last run, to go on with. Raises `OutputError` when what is asked for now is something else."""
    record = last_run(folder.path, runs)
    sections, size = sections_of(record), size_of(record)
    asked = new_record(pipeline, output, []) | ({"size": output.size} if output.size is not None else {})
    check_same(folder.path, record | {"size": size}, asked)
    placed = placements(pipeline, replace(output, size=size))
    jobs = [placement.job(output, section) for placement, section in zip(placed, sections, strict=True)]
    run = Run(record, sections, jobs, Progress(record["journal"]))
    if record["status"] != "finished":
        folder.remove_stages()
        files = RunFiles(folder, [section.folder for section in sections], format_.keeps)
        run.progress = _read_progress(journal, record, sections)
        mend(files, journal, run.progress)
        drop_incomplete(files, run.progress)
        journal.cut(run.progress.end)
        _remove_unpublished(files, record, sections, [run.progress.images(i) for i in range(len(sections))])
    return run


def _make(
    folder: RunFolder, journal: Journal, run: Run, output: Output, format_: Format, stop: Stop, told: Told | None
) -> DigitseqError | None:
    """Make what is missing of `run`, and record what there is in the end. Returns what broke it off."""
    files = RunFiles(folder, [section.folder for section in run.sections], format_.keeps)
    made = [run.progress.images(place) for place in range(len(run.sections))]
    if told and sum(made):
        told(sum(made))
    fault: DigitseqError | None = None
    try:
        parts = islice(parts_of(run.sections), len(run.progress.finished), None)
        with Owner(files, journal, format_, run.jobs) as owner:
            for part in _published(owner, PartMaker(format_, run.jobs), parts, output, stop):
                made[part.section] += part.stop - part.start
                if told:
                    told(part.stop - part.start)
    except OSError as error:
        fault = RunError(f"cannot write to {folder.path} ({error.strerror or error})")
    except (DataError, RunError) as error:
        fault = error
    finally:
        if folder.is_owned():
            with suppress(OSError):  # the next run into the folder does the same
                _remove_unpublished(files, run.record, run.sections, made)
    try:
        folder.check_owned()
        for place, job in enumerate(run.jobs):
            if made[place]:
                format_.finish(job, files.sections[place], files.kept[place], job.start + made[place])
    except OSError as error:
        fault = fault or RunError(f"cannot write to {folder.path} ({error.strerror or error})")
    except RunError as error:
        fault = fault or error
    _end(run.record, run.sections, made, fault is None and sum(made) == size_of(run.record))
    if folder.is_owned() and (run.record["status"] == "finished" or not sum(made)):
        folder.remove_kept()
    return fault


def _remove_unpublished(files: RunFiles, record: Record, sections: list[Section], made: list[int]) -> None:
    """Remove images of parts that were under way when a run broke off. Raises `OSError`."""
    names = format_of(record["format"]).numbered(tuple(record.get("labels", ())))
    finished = sum(-(-count // section.part_size) for count, section in zip(made, sections))
    processes = record.get("processes")
    ahead = PARTS_AHEAD * (min(processes, MAX_PROCESSES) if type(processes) is int else MAX_PROCESSES)
    if names:
        remove_unpublished(files, islice(parts_of(sections), finished, finished + ahead), names)


def _published(owner: Owner, maker: PartMaker, parts: Iterator[Part], output: Output, stop: Stop) -> Iterator[Part]:
    """Have the parts made and published, one after the other."""
    first = list(islice(parts, MAX_PROCESSES))  # no more processes than parts
    count = min(_processes(output), len(first))
    workers: Workers = ThisProcess(maker, owner.stage, stop)
    if count > 1:
        from digitseq.runs.pool import ProcessPool  # a single image starts sooner without

        workers = ProcessPool(maker, owner.stage, owner.direct_folders(), count)
    with workers:
        for receipt in make_parts(workers, chain(first, parts), stop):
            owner.publish(receipt)
            yield receipt.part


def _end(record: Record, sections: list[Section], made: list[int], finished: bool) -> None:
    """Put into the record what there is."""
    record["status"] = "finished" if finished else "interrupted"
    record.pop("processes", None)  # how far ahead of the journal a killed run may have written
    record["sections"] = [asdict(replace(section, images=count)) for section, count in zip(sections, made)]


def _processes(output: Output) -> int:
    wanted = output.multi_core or 0
    return max((os.cpu_count() or 1) if wanted == -1 else wanted, 1)
