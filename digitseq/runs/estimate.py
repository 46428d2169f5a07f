"""What a run would make and take, from a sample of its images that is made and encoded in memory."""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from digitseq.files.locations import is_object
from digitseq.formats.base import Job
from digitseq.formats.parts import ChecksumWriter, PartFiles, Place
from digitseq.labels import label_formats
from digitseq.runs.owned_run import OwnedRun

SPANS = 4  # ranges of images that are made, spread over the run
SPAN = 256  # images in each, at most: as many as a batch needs for its full speed
LONGEST = 2.0  # seconds after which no further span is begun
BLOCK = 4096  # bytes: what a file occupies on most disks is a multiple of this
TEXTS = 5
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Estimate:
    """What a run of `images` images would make and take. All but `images`, `files` and `free` are measured.

    files: those of the data set, without digitseq's record and card; size: their bytes; on_disk: what they occupy where
    each begins a new block of `BLOCK` bytes; free: bytes that are free on the disk; None in an object store
    seconds: to make them in `processes` processes, without the time that the disk takes
    memory: bytes that each process needs at most; None where the system does not say
    sample: images that were made for this; texts: of the first images
    """

    images: int
    files: int
    size: int
    on_disk: int
    free: int | None
    seconds: float
    processes: int
    memory: int | None
    sample: int
    texts: list[str]


def estimated(run: OwnedRun, processes: int) -> Estimate:
    """An estimate for the images of `run` that are not finished, which has its jobs. Writes nothing into its folder."""
    first = [section.first - 1 + made for section, made in zip(run.sections, run.images)]
    left = [section.last - start for section, start in zip(run.sections, first)]
    path, images = run.folder.path, sum(left)
    free = None if is_object(path) else shutil.disk_usage(path).free
    if not images:
        return Estimate(0, 0, 0, 0, free, 0.0, processes, peak_memory(), 0, [])
    at = next(place for place, count in enumerate(left) if count)
    pipeline, begin = run.jobs[at].pipeline, first[at]
    texts = pipeline.batch(begin, begin + min(TEXTS, left[at])).texts
    _Sample().make(run, run.jobs[at], begin, begin + 1)  # loads packages, which would count for every image otherwise
    sample, sizes = _Sample(), _spread(first, left, SPAN if run.format.streams else SPANS * SPAN)
    for place, start, stop in sizes:
        sample.make(run, run.jobs[place], start, stop)
        if sample.seconds > LONGEST or not run.format.streams:
            break
    parts = sum(-(-(each.last + 1 - each.first) // each.part_size) for each in run.sections) - run.finished
    shared = min(processes, parts)
    return Estimate(
        images, _files(run, sample, images, parts), round(sample.size / sample.images * images),
        round(sample.on_disk / sample.images * images), free, sample.seconds / sample.images * images / shared,
        shared, peak_memory(), sample.images, texts,
    )  # fmt: skip


class _Sample(PartFiles):
    """Files of images that are measured instead of written.

    images: how many; size, on_disk, seconds: what they take, as in `Estimate`; single: names of files that a folder has
    once
    """

    def __init__(self) -> None:
        super().__init__(Path())
        self.images, self.size, self.on_disk, self.seconds = 0, 0, 0, 0.0
        self.single: set[str] = set()
        self._added: dict[str, bytes] = {}

    def make(self, run: OwnedRun, job: Job, start: int, stop: int) -> None:
        """Make images start … stop-1 of `job`, in the format of `run`."""
        began = time.perf_counter()
        if not run.format.streams:  # what is assembled at the end of a run is measured as one file
            self._count(sum(map(len, run.format.stream(job.pipeline, stop - start))))
        else:
            self._added = {}
            run.format.make(job, start, stop, self)
            for each in label_formats(job.labels):
                if each.summary_name and each.file_name:
                    lines = io.BytesIO(self._added.setdefault(each.file_name, b""))
                    self._added[each.summary_name] = b"".join(each.summary(lines, job.pipeline.bank.characters))
            self._count(sum(map(len, self._added.values())))
            self.single |= self._added.keys()
        self.seconds += time.perf_counter() - began
        self.images += stop - start

    def write_numbered(self, name: str, first: int, files: list[bytes]) -> None:
        self.size += sum(map(len, files))
        self.on_disk += sum(-(-len(data) // BLOCK) * BLOCK for data in files)

    @contextlib.contextmanager
    def open(self, name: str, place: Place = "folder") -> Iterator[ChecksumWriter]:
        writer = ChecksumWriter(io.BytesIO())
        yield writer
        self._count(writer.size)

    def add(self, name: str, data: bytes, place: Place = "folder") -> None:
        self._added[name] = self._added.get(name, b"") + data

    def _count(self, size: int) -> None:
        """Bytes of files that are so large, or so few, that blocks do not matter."""
        self.size += size
        self.on_disk += size


def _spread(first: list[int], left: list[int], span: int) -> Iterator[tuple[int, int, int]]:
    """`SPANS` ranges of images at equal distances, each in one section: its place, start and stop."""
    total = sum(left)
    for k in range(min(SPANS, -(-total // span))):
        place, begin = 0, total * k // SPANS
        while begin >= left[place]:
            begin -= left[place]
            place += 1
        start = first[place] + begin
        # one that begins near the end of its section is moved back, so that it is not too small to tell anything
        start = max(min(start, first[place] + left[place] - span), first[place])
        yield place, start, min(start + span, first[place] + left[place])


def _files(run: OwnedRun, sample: _Sample, images: int, parts: int) -> int:
    """How many files the data set gets."""
    if numbered := run.numbered():
        return len(numbered) * images + len(sample.single) * len(run.sections)
    return len(run.sections) if run.format.keeps else parts


def peak_memory() -> int | None:
    """The most bytes of memory that this process has had; None where the system does not say."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        # not from `getrusage`: on Linux that counts what the process was before it became this program, too
        return int(STATUS.read_text().split("VmHWM:")[1].split()[0]) * 1024
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
