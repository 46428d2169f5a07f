"""One npz file for sets that fit in memory: `images` uint8 (N, H, W), `labels`, `lengths`, `boxes`, `widths`."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import OutputError, SettingsError
from digitseq.folder import SCRATCH, Folder
from digitseq.output import Output
from digitseq.pipeline import Batch, Pipeline
from digitseq.writers.base import Job, Runs, Task, scratch

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that zip knows
Arrays = dict[str, NDArray[Any]]
NAMES = ("labels", "lengths", "boxes", "widths", "images")


@dataclass(frozen=True)
class ArrayMaker:
    """Saves the arrays of a part."""

    pipeline: Pipeline
    folder: Path
    in_place = False

    def in_worker(self) -> ArrayMaker:
        """For a process that works in `folder`."""
        return replace(self, folder=Path())

    def make(self, start: int, stop: int) -> Path:
        """The arrays of images start … stop-1, one batch, in one file. Raises `OSError`."""
        path = scratch(self.folder) / f"{start}-{os.getpid()}"
        batch = self.pipeline.batch(start, stop)
        arrays = _arrays(batch, 255 if self.pipeline.settings.invert else 0)
        packed = io.BytesIO()  # NumPy does not say why it cannot write into a file
        for name in NAMES:
            np.save(packed, arrays[name])
        path.write_bytes(packed.getbuffer())
        return Path(SCRATCH, path.name)


def _arrays(batch: Batch, paper: int) -> Arrays:
    images = batch.images
    beyond = np.arange(images.shape[2]) >= batch.width[:, None]
    if beyond.any():
        images = np.where(beyond[:, None, :], np.uint8(paper), images)
    return {
        "images": images,
        "labels": np.array(batch.texts),
        "lengths": batch.length,
        "boxes": batch.boxes,
        "widths": batch.width,
    }


class FormatWriter:
    """`<name>.npz`: see `Writer`. It is put together out of all parts at the end."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.maker = ArrayMaker(job.pipeline, job.folder.path)
        self.task_size = job.pipeline.batch_size
        self._path = job.folder.path / f"{job.name}.npz"
        self._parts: list[Path] = []
        self._shapes: list[dict[str, tuple[tuple[int, ...], np.dtype[Any]]]] = []
        self._finished = False

    @staticmethod
    def check(pipeline: Pipeline, count: int) -> None:
        """`SettingsError` when the arrays would take more than half of the memory that is free."""
        glyphs = pipeline.batch(0, 1).boxes.shape[1]
        size = count * (pipeline.bank.height * pipeline.widest + 4 * glyphs + 8 * (4 * glyphs + 2))
        free = _available_memory()
        if free is not None and size > free / 2:
            raise SettingsError(
                f"format npz would need {size / 1e6:,.0f} MB of memory, and at most half of the {free / 1e6:,.0f} MB "
                "that are free may be used: take webdataset or parquet, or lower size",
                "format",
            )

    @staticmethod
    def start(folder: Folder, runs: Runs) -> int:
        """How many images the file has; `OutputError` when it is something else."""
        return sum(_count(path) for path in folder.path.glob("*.npz"))

    @staticmethod
    def plan(folder: Folder, name: str, output: Output) -> dict[str, Any]:
        """Nothing."""
        return {}

    def open(self) -> int:
        """A file that has this run's images is finished; one of earlier runs is the first part of the new one."""
        there = _count(self._path)
        self._finished = there >= self._job.span[1]
        if self._finished:
            return self._job.span[1]
        if there:
            part = scratch(self._path.parent) / "earlier"
            with np.load(self._path) as arrays, open(part, "wb") as file:
                for name in NAMES:
                    np.save(file, arrays[name])
            self._add(part)
        return self._job.span[0]

    def commit(self, task: Task, part: Path) -> None:
        """Keep the part, where it is."""
        self._add(self._path.parent / part)

    def _add(self, part: Path) -> None:
        self._parts.append(part)
        self._shapes.append({name: (a.shape, a.dtype) for name, a in _load(part)})

    def close(self) -> None:
        """Write the arrays, a part at a time, padded to the widest image and the longest text."""
        if self._finished:
            return
        whole = scratch(self._path.parent) / "whole.npz"
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
            for name in NAMES:
                self._write(archive, name)
        os.replace(whole, self._path)

    def _write(self, archive: zipfile.ZipFile, name: str) -> None:
        shapes = [part[name][0] for part in self._shapes]
        dtype = np.result_type(*(part[name][1] for part in self._shapes))
        shape = (sum(s[0] for s in shapes), *np.max([s[1:] for s in shapes], axis=0).astype(int).tolist())
        entry = zipfile.ZipInfo(f"{name}.npy", EPOCH)
        entry.create_system = 3  # Unix, wherever it is made
        paper = 255 if name == "images" and self._job.pipeline.settings.invert else 0
        with archive.open(entry, "w", force_zip64=True) as file:
            header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for part in self._parts:
                array = next(a for n, a in _load(part) if n == name)
                padded = array.astype(dtype, copy=False)
                if array.shape[1:] != shape[1:]:
                    padded = np.full((len(array), *shape[1:]), paper, dtype)
                    padded[tuple(slice(n) for n in array.shape)] = array
                file.write(np.ascontiguousarray(padded).view(np.uint8).data)

    def abort(self) -> int:
        """All images, or none."""
        self._job.folder.clean()
        return self._job.span[1] - self._job.span[0] if _count(self._path) >= self._job.span[1] else 0


def _load(part: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    with open(part, "rb") as file:
        for name in NAMES:
            yield name, np.load(file)


def _count(path: Path) -> int:
    """How many images the npz file has; 0 when there is none. `OutputError` when it is something else."""
    if not path.exists():
        return 0
    try:
        with np.load(path) as arrays:
            return len(arrays["lengths"])
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise OutputError(
            f"{path} is not a file that digitseq wrote ({error}): name another directory with -o"
        ) from None


def _available_memory() -> int | None:
    """Bytes that are free, as far as the system says."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None
