"""The interface between output formats, runs and downloads."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import OutputError, SettingsError
from digitseq.files.checksum import Checksum, checksum
from digitseq.files.listing import files_ending
from digitseq.formats.parts import PartFiles, spans
from digitseq.formats.streaming import file_pieces
from digitseq.pipeline import Pipeline
from digitseq.sources.base import Check, never_cancelled

BEFORE = "before"  # in details, see `Job.before`


class FormatPlan(NamedTuple):
    """What a format decides before a run begins.

    start: index of the first image, from 0, which is how many images earlier runs have made
    part_size: images per part
    details: what else `Format.make` and `Format.finish` need to know: plain values for JSON
    """

    start: int
    part_size: int
    details: dict[str, Any]


class Job(NamedTuple):
    """Images start … stop-1, from 0, of `pipeline`, in files whose names begin with `name`. Pickles small.

    labels: the label formats beside PNG files; details: as in `FormatPlan`
    part: train, val or test in a run that is split
    check: called in long work that makes no images; raises to end it
    """

    pipeline: Pipeline
    name: str
    start: int
    stop: int
    labels: tuple[str, ...]
    details: dict[str, Any]
    check: Check = never_cancelled
    part: str = ""

    @property
    def before(self) -> int:
        """Images of the series that are in other folders: a file that counts its images begins after them."""
        return int(self.details.get(BEFORE, 0))


class StoredSample(NamedTuple):
    """What a data set on disk has for one image.

    name: of the image's file, or its key; image: the bytes of an image file, or uint8 (H, W) pixels; None where a label
    has no image; text: None where an image has no label
    boxes: [x, y, w, h] in pixels, `characters`: what is in them; None in formats without boxes
    fault: what else is wrong with the labels, mask_fault: with the image's mask; or None
    """

    name: str
    image: bytes | NDArray[np.uint8] | None
    text: str | None
    boxes: list[list[float]] | None = None
    characters: list[str] | None = None
    fault: str | None = None
    mask_fault: str | None = None


class EarlierRun(NamedTuple):
    """What an earlier run has written to the same folder in this format: images first … first + images - 1, from 1.

    details: what its `FormatPlan` had
    """

    labels: tuple[str, ...]
    first: int
    images: int
    details: dict[str, Any]


class RunRequest(NamedTuple):
    """`images` images to be written to `folder`, which may not exist yet, in files whose names begin with `name`.

    labels, shard_size: as in `Output`; earlier: the runs that have written to the folder in this format
    start: index of the first image, from 0; None: after the last one in the folder
    part: train, val or test in a run that is split
    apart: the images before `start` go to other folders; those in files that count from 1 are counted from `start`
    """

    folder: Path
    name: str
    images: int
    labels: tuple[str, ...]
    shard_size: int
    earlier: list[EarlierRun]
    start: int | None = None
    part: str = ""
    apart: bool = False


class Format:
    """An output format. A run calls `make` in any process, and the other methods in the one that owns the run.

    keeps: results are assembled at the end of the run, from files that are kept until then
    streams: `stream` yields bytes while the images are made; otherwise the file is made on disk first
    suffix: how the names of the files end that `files_in` finds, without a dot; "": it finds none
    """

    keeps = False
    streams = False
    suffix = ""

    def numbered(self, labels: tuple[str, ...], masks: bool) -> tuple[str, ...]:
        """The names of files that belong to a single image, such as "%d.png", with the label formats `labels`."""
        return ()

    def results(self, labels: tuple[str, ...], name: str) -> tuple[str, ...]:
        """The names of the files that `finish` may write. labels, name: as in `RunRequest`."""
        return ()

    def split_results(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """The names of the files that `finish_split` may write."""
        return ()

    def knows(self, details: dict[str, Any]) -> bool:
        """Whether `begin` can have decided these `details`: the record that has them may have been edited."""
        return type(before := details.get(BEFORE, 0)) is int and before >= 0

    def begin(self, pipeline: Pipeline, request: RunRequest) -> FormatPlan:
        """Look at what is in the folder, and decide how to continue. Writes nothing.

        Raises `OutputError` for files that this format did not write, or when the images are there already;
        `SettingsError` when the run is too large, or cannot begin with this image.
        """
        raise NotImplementedError

    def make(self, job: Job, start: int, stop: int, files: PartFiles) -> None:
        """Make images start … stop-1 of `job`. Depends on nothing but the arguments. Raises `OSError`."""
        raise NotImplementedError

    def take(self, job: Job, folder: Path, kept: Path, part: Path, start: int) -> None:
        """Process the files of a part, whose first image is `start`, before they get their final names.

        Parts come in order; a part comes again if the run was killed while it was processed. kept: the directory for
        files that are kept until the end of the run, and for unfinished ones. Both directories are there for formats
        with `keeps`. Raises `OSError`.
        """

    def finish(self, job: Job, folder: Path, kept: Path, stop: int) -> dict[str, Path]:
        """Write what depends on all images: those up to stop-1 exist, which are all if `stop` is `job.stop`.

        Returns the files, below `kept`, by the names that they get in `folder`; some of `results`. May be called again
        for the same run. Raises `OSError`.
        """
        return {}

    def finish_split(self, job: Job, folder: Path, kept: Path) -> dict[str, Path]:
        """The same for what the folders of a split below `folder` have in common. job: that of any."""
        return {}

    def checksum(self, path: Path) -> Checksum:
        """That of a result, which tells it from all others. Raises `OSError`, and `ValueError` for another file."""
        return checksum([path])

    def files_in(self, folder: Path, prefix: str = "") -> list[Path]:
        """The files of this format in `folder` whose names begin with `prefix`, in order.

        None if there are none, and for a format without `read`, which an inspection passes over.
        """
        files = files_ending(folder, f".{self.suffix}") if self.suffix else []
        return [path for path in files if path.name.startswith(prefix)]

    def read(self, files: list[Path]) -> Iterator[StoredSample]:
        """The samples in `files`, which `files_in` has found. Memory use does not depend on their number.

        Raises `OSError`, and `ValueError` or `KeyError` for files in another format.
        """
        raise NotImplementedError

    def stream(
        self, pipeline: Pipeline, size: int, labels: tuple[str, ...] = (), check: Check = never_cancelled
    ) -> Generator[bytes, None, None]:
        """The bytes of one file with images 0 … size-1, in pieces. Memory use does not depend on `size`.

        An empty piece means that work is in progress. check: called between steps; raises to end the work.
        By default the file is made on disk, in a temporary directory, by the methods above: this suits every format
        whose result is a single file. Raises `OSError` and what `begin` raises.
        """
        with tempfile.TemporaryDirectory(prefix="digitseq-") as temporary:
            folder, kept, part = (Path(temporary) / name for name in ("folder", "kept", "part"))
            folder.mkdir()
            kept.mkdir()
            plan = self.begin(pipeline, RunRequest(folder, "images", size, labels, size, []))
            job = Job(pipeline, "images", 0, size, labels, plan.details, check)
            for start, stop in spans(0, size, plan.part_size):
                part.mkdir()
                files = PartFiles(part, check)
                self.make(job, start, stop, files)
                self.take(job, folder, kept, part, start)
                files.publish(folder, kept)
                shutil.rmtree(part)
                yield b""  # whoever waits for the file takes turns with others here
            for name, path in self.finish(job, folder, kept, size).items():
                os.replace(path, folder / name)
            (result,) = folder.iterdir()
            with open(result, "rb") as file:
                yield from file_pieces(file)


def images_of(earlier: list[EarlierRun]) -> int:
    """How many images earlier runs have made."""
    return max((run.first - 1 + run.images for run in earlier), default=0)


def free_start(request: RunRequest, numbers: Iterable[int], after: int) -> int:
    """The index of the first image: `after`, or what was asked for.

    numbers: of the images that are in the folder, from 1. `OutputError` when one of the new ones is there already.
    """
    if request.start is None:
        return after
    first, last = request.start + 1, request.start + request.images
    taken = [number for number in numbers if first <= number <= last]
    for run in request.earlier:
        # an image that was deleted counts, as its labels are still there
        if run.images and run.first <= last and run.first + run.images > first:
            taken.append(max(first, run.first))
    if taken:
        raise OutputError(
            f"{request.folder} has image {min(taken)} already: give another `start`, name another folder with "
            "`name` or `output_path`, or begin this one anew with `overwrite`"
        )
    return request.start


def start_without_gap(request: RunRequest, format_name: str, after: int) -> tuple[int, dict[str, Any]]:
    """Index of the first image and details, for a format that holds its images in one file, counted from 1.

    after: how many there are. `SettingsError` when something else was asked for than to go on after these.
    """
    if request.apart and request.start:
        return request.start, {BEFORE: request.start}
    if request.start not in (None, after):
        raise SettingsError(
            f"format {format_name} holds its images without a gap: this run begins with image {after + 1}; leave out "
            "`start`, or take another `format`: png or shards",
            "start",
        )
    return after, {}
