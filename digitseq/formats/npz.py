"""One npz file for sets that fit in memory: `images` uint8 (N, H, W), `labels`, `lengths`, `boxes`, `widths`.

Its bytes are the same for the same release of NumPy and Python.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import OutputError, SettingsError
from digitseq.files.atomic import replacing
from digitseq.files.regular import open_regular
from digitseq.formats.base import Format, Job, Plan, RunRequest
from digitseq.formats.memory import available_memory
from digitseq.formats.parts import PartFiles
from digitseq.pipeline import Batch, Pipeline

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that zip knows
Arrays = dict[str, NDArray[Any]]
NAMES = ("labels", "lengths", "boxes", "widths", "images")
_PART = re.compile(r"(\d+)\.arrays")


class OutputFormat(Format):
    """`NAME.npz`, put together out of the arrays of all parts. See `Format`."""

    keeps = True

    def begin(self, pipeline: Pipeline, request: RunRequest) -> Plan:
        """On from the images that the file has."""
        there = sum(_count(path) for path in request.folder.glob("*.npz"))
        check_memory(pipeline, there + request.images)
        return Plan(there, pipeline.batch_size)

    def make(self, job: Job, start: int, stop: int, files: PartFiles) -> None:
        """The arrays of one part, one after the other, in the order of `NAMES`."""
        paper = 255 if job.pipeline.settings.invert else 0
        with files.open(f"{start}.arrays", "kept") as file:
            for batch in files.batches(job.pipeline, start, stop):  # one, as a part is as large as a batch
                arrays = _arrays(batch, paper)
                for name in NAMES:
                    packed = io.BytesIO()  # NumPy does not say why it cannot write into a file
                    np.save(packed, arrays[name])
                    file.write(packed.getbuffer())

    def finish(self, job: Job, folder: Path, kept: Path, stop: int) -> None:
        """All images or none: the arrays of a run that has stopped are kept for when it is resumed."""
        path = folder / f"{job.name}.npz"
        if stop < job.stop or _count(path) >= job.stop:
            return
        if job.start:
            with np.load(path) as arrays, open(kept / "earlier", "wb") as file:
                for name in NAMES:
                    np.save(file, arrays[name])
        found = {int(m[1]): p for p in kept.iterdir() if (m := _PART.fullmatch(p.name))}
        parts = [kept / "earlier"] * bool(job.start) + [found[s] for s in sorted(found) if job.start <= s < job.stop]
        with replacing(path, kept) as whole:
            write_arrays(whole, parts, 255 if job.pipeline.settings.invert else 0)


def check_memory(pipeline: Pipeline, count: int) -> None:
    """`SettingsError` when the arrays of `count` images would take more than half of the memory that is free."""
    glyphs = pipeline.source.max_length
    size = count * (pipeline.bank.height * pipeline.widest + 4 * glyphs + 8 * (4 * glyphs + 2))
    free = available_memory()
    if free is not None and size > free / 2:
        raise SettingsError(
            f"format npz would need {size / 1e6:,.0f} MB of memory, and at most half of the {free / 1e6:,.0f} MB "
            "that are free may be used: take webdataset or parquet, or lower size",
            "format",
        )


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


def write_arrays(file: Any, parts: list[Path], paper: int) -> None:
    """Write the arrays of all parts as one npz file, a part at a time, padded to the widest image and longest text."""
    shapes = [{name: (array.shape, array.dtype) for name, array in _load(part)} for part in parts]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in NAMES:
            sizes = [part[name][0] for part in shapes]
            dtype = np.result_type(*(part[name][1] for part in shapes))
            shape = (sum(s[0] for s in sizes), *np.max([s[1:] for s in sizes], axis=0).astype(int).tolist())
            _write_array(archive, name, parts, shape, dtype, paper if name == "images" else 0)


def _write_array(
    archive: zipfile.ZipFile, name: str, parts: list[Path], shape: tuple[int, ...], dtype: np.dtype[Any], paper: int
) -> None:
    entry = zipfile.ZipInfo(f"{name}.npy", EPOCH)
    entry.create_system = 3  # Unix, wherever it is made
    with archive.open(entry, "w", force_zip64=True) as file:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for part in parts:
            array = next(a for n, a in _load(part) if n == name)
            padded = array.astype(dtype, copy=False)
            if array.shape[1:] != shape[1:]:
                padded = np.full((len(array), *shape[1:]), paper, dtype)
                padded[tuple(slice(n) for n in array.shape)] = array
            file.write(np.ascontiguousarray(padded).view(np.uint8).data)


def _load(part: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    with open(part, "rb") as file:
        for name in NAMES:
            yield name, np.load(file)


def _count(path: Path) -> int:
    """How many images the npz file has; 0 when there is none. `OutputError` when it is something else."""
    if not os.path.lexists(path):
        return 0
    try:
        with open_regular(path) as file, np.load(file) as arrays:
            return len(arrays["lengths"])
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise OutputError(
            f"{path} is not a file that digitseq wrote ({error}): name another directory with -o"
        ) from None
