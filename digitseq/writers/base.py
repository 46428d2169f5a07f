"""What a format is to a run: processes make parts of it, the parent process puts them in their place in order."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from digitseq.errors import MissingPackageError
from digitseq.folder import SCRATCH, Folder
from digitseq.output import Output
from digitseq.pipeline import Batch, Pipeline

Task = tuple[int, int]  # start, stop: images counted from 0
Runs = list[dict[str, Any]]


@dataclass(frozen=True)
class Job:
    """Images span[0] … span[1]-1 (from 0) of `pipeline`, for `folder`, in files whose names begin with `name`.

    plan: what the format has put into the run's record. again: the run was begun before; what is whole is kept.
    """

    pipeline: Pipeline
    folder: Folder
    name: str
    span: Task
    plan: dict[str, Any]
    again: bool = False


class PartMaker(Protocol):
    """Makes parts in whichever process it is sent to. Pickles small."""

    @property
    def folder(self) -> Path:
        """Where the images go."""

    @property
    def in_place(self) -> bool:
        """Whether parts are made under final names: a part is then made to its end when the parent was killed."""

    def in_worker(self) -> PartMaker:
        """The same for a process whose working directory is `folder`, and which another one looks after."""

    def make(self, start: int, stop: int) -> Path:
        """Make images start … stop-1; returns a file, relative to `folder`, that `Writer.commit` takes.

        Raises `OSError`; nothing half-made is then left under a final name.
        """


class Writer(Protocol):
    """Turns the parts of one run into files. Lives in the parent process; everything but `close` is quick."""

    maker: PartMaker
    task_size: int
    """Images a part."""

    def __init__(self, job: Job) -> None: ...

    @staticmethod
    def check(pipeline: Pipeline, count: int) -> None:
        """Refuse what can never be written: `MissingPackageError`, or `SettingsError`."""

    @staticmethod
    def start(folder: Folder, runs: Runs) -> int:
        """How many images of earlier runs the folder has: the number, from 0, of the next one."""

    @staticmethod
    def plan(folder: Folder, name: str, output: Output) -> dict[str, Any]:
        """What the record of a new run has to say for the format: plain values for JSON."""

    def open(self) -> int:
        """Get ready; returns the first image, from 0, that is still to be made. Raises `OSError`."""

    def commit(self, task: Task, part: Path) -> None:
        """Take the part of `task`, which follows on the one before. Raises `OSError`."""

    def close(self) -> None:
        """All parts are there: give every file its name. Raises `OSError`."""

    def abort(self) -> int:
        """The run broke off; returns how many of its images stand whole under final names."""


def spans(start: int, stop: int, size: int) -> Iterator[Task]:
    """start … stop in pieces of `size`."""
    return ((first, min(first + size, stop)) for first in range(start, stop, size))


def batches(pipeline: Pipeline, start: int, stop: int) -> Iterator[Batch]:
    """Images start … stop-1 in batches of the pipeline's size."""
    return (pipeline.batch(*span) for span in spans(start, stop, pipeline.batch_size))


def scratch(folder: Path) -> Path:
    """The directory in `folder` for what is not finished yet, made where it is missing."""
    path = folder / SCRATCH
    path.mkdir(exist_ok=True)
    return path


def images_of(format_name: str, runs: Runs) -> int:
    """How many images the runs of one format have made, by their records."""
    return max((run["first"] - 1 + run["images"] for run in runs if run.get("format") == format_name), default=0)


def need_package(name: str, format_name: str) -> None:
    """`MissingPackageError` with the command that installs the package `name`, when it cannot be loaded."""
    try:
        importlib.import_module(name)
    except ImportError:
        raise MissingPackageError(f"format {format_name} needs the package {name}: pip install {name}") from None
