"""What a worker of an executor, perhaps on another machine, needs to make parts of a run.

The owner writes it to a file in the stage, without glyphs and without paths of its own machine. A task names that file
and a part: what a part costs is only its own making. Each worker opens its own bank of the same glyphs, once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import secrets
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from digitseq import __version__
from digitseq.errors import DataError, DigitseqError, RunError, one_line
from digitseq.files.locations import is_object, location
from digitseq.files.object_store import ObjectStore
from digitseq.files.regular import open_regular
from digitseq.files.retries import never
from digitseq.formats import format_of
from digitseq.formats.base import Format, Job
from digitseq.formats.parts import Part, Receipt
from digitseq.glyphs.catalog import is_folder
from digitseq.lazy_imports import import_package
from digitseq.pipeline import Pipeline
from digitseq.renderer.renderer_cache import bank_of
from digitseq.runs.run_settings import Output
from digitseq.runs.splits import shares
from digitseq.runs.workers import Abandoned, make_part
from digitseq.settings import Settings
from digitseq.sources.base import Source

FILE = "work"  # in the stage
MODULES = {"opencv-python-headless": "cv2"}  # where a package and its module have different names
OPENING = threading.Lock()  # threads of one process open a work once


class Order(NamedTuple):
    """What a task is about, as plain values that a worker of any release can read.

    needs: the versions by package; stage: the directory, with `FILE` in it; digest: of that file, sha256, hex
    owner: the process that owns the run, see `this_process`
    """

    needs: dict[str, str]
    stage: str
    digest: str
    owner: str


@dataclass(frozen=True)
class JobPlan:
    """What a `Job` is made of, without glyphs.

    share: of the glyphs of every class, in a run that is split; fields: those of the job that are plain values
    """

    settings: Settings
    seed: int
    source: Source
    digest: str
    share: tuple[float, float] | None
    fields: dict[str, Any]

    @classmethod
    def of(cls, job: Job, output: Output) -> JobPlan:
        """The plan of a job of a run with the settings `output`."""
        pipeline, settings = job.pipeline, job.pipeline.settings
        if is_folder(settings.dataset):  # which may be relative to where the owner was started
            settings = replace(settings, dataset=str(Path(settings.dataset).absolute()))
        share = shares(output.split_ratio)[job.part][1:] if output.split_ratio else None
        plain = {name: getattr(job, name) for name in ("name", "start", "stop", "labels", "details", "part")}
        return cls(settings, pipeline.seed, pipeline.source, pipeline.bank.digest, share, plain)

    def job(self, cache: str | None) -> Job:
        """The job, with the glyphs of this machine. Raises `RunError` when they are others than the owner's."""
        bank = bank_of(self.settings, cache)
        if self.share:
            bank = bank.share(*self.share)
        if bank.digest != self.digest:
            s = self.settings
            raise RunError(
                f"has other glyphs of {s.dataset} ({s.split}), with the digest {bank.digest:.12}, not "
                f"{self.digest:.12}: install the same files there, or give a `cache` that all workers see"
            )
        return Job(Pipeline(self.settings, bank, self.seed, self.source), **self.fields)


@dataclass(frozen=True)
class Work:
    """What a run makes. cache: the directory that was given for data sets, absolute; used where it is seen"""

    format: str
    plans: list[JobPlan]
    cache: str | None


def write_work(stage: Path, jobs: Sequence[Job], output: Output, stopping: Callable[[], bool] = never) -> Order:
    """Write to the stage what workers need; returns what a task gets. Raises `OSError` and `RunError`.

    stopping: as in `ObjectStore`
    """
    stage = stage if is_object(stage) else stage.absolute()
    cache = str(Path(output.cache).absolute()) if output.cache else None
    try:
        data = pickle.dumps(Work(output.format, [JobPlan.of(job, output) for job in jobs], cache))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise RunError(
            f"what makes the texts cannot be sent to workers ({one_line(error, 120)}): define its class at the top of "
            "a module, and keep no open files in it"
        ) from error
    if is_object(stage):
        ObjectStore(stage, stopping).put(stage / FILE, data)
    else:
        (stage / FILE).write_bytes(data)
    return Order(versions(_packages(jobs, output)), str(stage), hashlib.sha256(data).hexdigest(), this_process())


def make_for(order: tuple[Any, ...], part: tuple[Any, ...], attempt: int) -> Receipt:
    """Make a part, in a worker of any executor. Whoever makes it, the files have the same bytes.

    order, part: an `Order` and a `Part`; attempt: tells this task from earlier ones about the same part
    Raises `RunError` when this worker would make other bytes than the owner, and `OSError`; both name this machine.
    """
    needed, wanted, host = Order(*order), Part(*part), socket.gethostname()
    check_versions(needed.needs)
    stage = location(needed.stage)
    with OPENING:
        format_, jobs = _opened(needed.stage, needed.digest, needed.owner)
    # an executor may begin a part again while a worker that it has given up still makes it: both have their directory
    directory = stage / f"{wanted.number}-{secrets.token_hex(4)}"
    try:
        return make_part(format_, jobs, wanted, directory, _still_wanted(stage))
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror or error}, on {host}") from None
    except DataError as error:  # such as a file with numbers that only the owner sees
        raise DataError(f"{error}, on {host}") from None


def _still_wanted(stage: Path) -> Callable[[], None]:
    """Raises `Abandoned` when the owner has removed the stage: nobody else tells a worker that the run has ended."""
    if is_object(stage):  # where asking costs as much as a batch
        return lambda: None
    file = stage / FILE

    def check() -> None:
        if not file.exists():
            raise Abandoned

    return check


def this_process() -> str:
    """Tells processes of all machines apart."""
    return f"{socket.gethostname()} {os.getpid()}"


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of digitseq and these packages here. Raises `MissingPackageError`."""
    modules = {name: import_package(MODULES.get(name, name), "a worker", name) for name in packages}
    return {"digitseq": __version__} | {name: str(module.__version__) for name, module in modules.items()}


def check_versions(needed: dict[str, str]) -> None:
    """`RunError` when this process has other `versions`: it could make other bytes."""
    with _named():
        found = versions(name for name in needed if name != "digitseq")
        for name, version in needed.items():
            if found[name] != version:
                wanted = f"{version}.*" if name in MODULES else version
                raise RunError(f"has {name} {found[name]}, the run needs {version}: pip install {name}=={wanted} there")


def _packages(jobs: Sequence[Job], output: Output) -> list[str]:
    """The packages whose versions may change the bytes of a run, beside digitseq."""
    drawn = any(job.pipeline.renderer.appearance.operations or job.pipeline.renderer.pen for job in jobs)
    return ["numpy", "isal", *["opencv-python-headless"] * drawn, *["pyarrow"] * (output.format == "parquet")]


@lru_cache(maxsize=2)
def _opened(stage: str, digest: str, owner: str) -> tuple[Format, list[Job]]:
    """The format and the jobs of the work in `stage`, kept for the next parts."""
    with _named():
        try:
            data = _read(location(stage) / FILE)
        except OSError as error:
            raise RunError(_unseen(stage, error.strerror or str(error))) from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise RunError(_unseen(stage, "something else is there"))
        work: Work = pickle.loads(data)
        cache = work.cache if work.cache and Path(work.cache).is_dir() else None
        format_, jobs = format_of(work.format), [plan.job(cache) for plan in work.plans]
    if owner != this_process():
        for job in jobs:
            job.pipeline.use_one_thread()
    return format_, jobs


def _read(path: Path) -> bytes:
    """The whole file. Raises `OSError`; a store that is busy is asked again."""
    if is_object(path):
        return ObjectStore(path).read([path])[0]
    with open_regular(path) as file:
        return file.read()


def _unseen(stage: str, why: str) -> str:
    return (
        f"does not see {stage} ({why}): give an `output_path` on a disk that all workers share, or in an object store, "
        "such as s3://bucket/prefix"
    )


@contextlib.contextmanager
def _named() -> Iterator[None]:
    """A block whose errors name this machine, as `RunError`."""
    try:
        yield
    except DigitseqError as error:
        said = str(error) if type(error) is RunError else f"cannot take part: {error}"
        raise RunError(f"the worker on {socket.gethostname()} {said}") from None
