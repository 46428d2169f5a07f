"""What a format is to a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from digitseq.formats.parts import PartFiles
from digitseq.pipeline import Pipeline


@dataclass(frozen=True)
class Plan:
    """What a format decides before a run begins.

    start: the number, from 0, of the first image: how many earlier runs have made
    part_size: images a part
    details: whatever else `Format.make` and `Format.finish` need to know: plain values for JSON
    """

    start: int
    part_size: int
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """Images start … stop-1, from 0, of `pipeline`, in files whose names begin with `name`. Pickles small.

    labels: the label formats beside PNG files; details: as in `Plan`
    """

    pipeline: Pipeline
    name: str
    start: int
    stop: int
    labels: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)


class Earlier(NamedTuple):
    """What an earlier run has put into the same folder: images first … first + images - 1, from 1."""

    format: str
    labels: tuple[str, ...]
    first: int
    images: int


class RunRequest(NamedTuple):
    """`images` images that are to go into `folder`, which may not be there yet, in files whose names begin with `name`.

    labels, shard_size: as in `Output`; earlier: the runs that have written into the folder
    """

    folder: Path
    name: str
    images: int
    labels: tuple[str, ...]
    shard_size: int
    earlier: list[Earlier]


class Format:
    """An output format. `make` runs in any process, the other methods in the one that owns the run.

    keeps: results are put together at the end of the run, from files that are kept until then
    """

    keeps = False

    def numbered(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """The names of the files of single images, such as "%d.png", with label formats `labels`."""
        return ()

    def begin(self, pipeline: Pipeline, request: RunRequest) -> Plan:
        """Look at what stands in the folder, and decide how to go on from there. Writes nothing.

        Raises `OutputError` when there is something that this format did not write, `SettingsError` when the run is
        too large for it.
        """
        raise NotImplementedError

    def make(self, job: Job, start: int, stop: int, files: PartFiles) -> None:
        """Make images start … stop-1 of `job`. Depends on nothing but the arguments. Raises `OSError`."""
        raise NotImplementedError

    def take(self, job: Job, folder: Path, kept: Path, part: Path, start: int) -> None:
        """Use the files of a part, whose first image is `start`, before they are given their names.

        Parts come in order; a part may come again, when the run was killed while it was taken. kept: the directory
        of the kept files, and of those that are under way. Raises `OSError`.
        """

    def finish(self, job: Job, folder: Path, kept: Path, stop: int) -> None:
        """Images up to stop-1 are there, all of them if `stop` is `job.stop`: write what depends on all of them.

        Raises `OSError`. May be called again for the same run.
        """


def images_of(format_name: str, earlier: list[Earlier]) -> int:
    """How many images earlier runs have made in one format."""
    return max((run.first - 1 + run.images for run in earlier if run.format == format_name), default=0)
