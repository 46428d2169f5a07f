"""One npz file for sets that fit in memory: `images` uint8 (N, H, W), `labels`, `lengths`, `boxes`, `widths`, and
`masks` where the settings ask for them.

Its bytes are the same with the same releases of NumPy and Python.
"""

from __future__ import annotations

import contextlib
import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import OutputError, SettingsError
from digitseq.files.atomic import replacing
from digitseq.files.checksum import Checksum
from digitseq.files.regular import open_regular
from digitseq.files.stored_file import local_copy
from digitseq.formats.base import Format, FormatPlan, Job, RunRequest, StoredSample, start_without_gap
from digitseq.formats.parts import PartFiles
from digitseq.formats.streaming import zip_entry
from digitseq.pipeline import Batch, Pipeline
from digitseq.sources.base import Check

NAMES = ("labels", "lengths", "boxes", "widths", "images")
_DAMAGE = (ValueError, KeyError, TypeError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error)
MASKS = "masks"  # uint8 (N, H, W)
# below /sys/fs/cgroup, as a container sees them: versions 2 and 1 of Linux's control groups
_CGROUP_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")


class OutputFormat(Format):
    """`NAME.npz`, assembled from the arrays of all parts: a header in it needs the shapes of all. See `Format`."""

    keeps = True
    suffix = "npz"

    def results(self, labels: tuple[str, ...], name: str) -> tuple[str, ...]:
        return (f"{name}.npz",)

    def begin(self, pipeline: Pipeline, request: RunRequest) -> FormatPlan:
        """Continues after the images in the file. `SettingsError` for more than half of the memory, for the reader.

        Raises `OutputError` when the file has masks and the new images have none, or the reverse.
        """
        path, glyphs = request.folder / f"{request.name}.npz", pipeline.source.max_length
        there = _count(path)
        start, details = start_without_gap(request, "npz", there)
        pixels, masks = pipeline.bank.height * pipeline.widest, pipeline.settings.masks
        if there and masks != (MASKS in _names(path)):
            has, say = ("no masks", "leave out `masks`") if masks else ("masks", "add `masks`")
            raise OutputError(f"{path} has images with {has}: {say}, or name another directory with `output_path`")
        per_image = pixels * (1 + masks) + 4 * glyphs + 8 * (4 * glyphs + 2)
        size, memory = (there + request.images) * per_image, total_memory()
        if memory is not None and size > memory / 2:
            raise SettingsError(
                f"format npz would need {size / 1e6:,.0f} MB of memory, and at most half of the {memory / 1e6:,.0f} MB "
                "of this machine may be used: take webdataset or parquet, or lower `size`",
                "format",
            )
        return FormatPlan(start, pipeline.batch_size, details)

    def make(self, job: Job, start: int, stop: int, files: PartFiles) -> None:
        """The arrays of one part, as an npz file of its own."""
        with files.open(f"{start}.arrays", "kept") as file:
            for batch in files.batches(job.pipeline, start, stop):  # one, as a part is as large as a batch
                packed = io.BytesIO()  # NumPy's error for a full disk does not say what is wrong
                np.savez(packed, **_arrays(batch, _background(job)))
                file.write(packed.getbuffer())

    def finish(self, job: Job, folder: Path, kept: Path, stop: int) -> dict[str, Path]:
        """Writes all images or none: the arrays of an interrupted run are kept for when it is resumed."""
        path = folder / f"{job.name}.npz"
        if stop < job.stop or _count(path) >= job.stop - job.before:
            return {}
        parts = sorted(kept.glob("*.arrays"), key=lambda part: int(part.stem))
        if job.start > job.before:
            parts.insert(0, path)
        with replacing(kept / path.name) as file:
            _write_arrays(file, parts, _background(job), job.check)
        return {path.name: kept / path.name}

    def checksum(self, path: Path) -> Checksum:
        """That of its list of arrays, which has their checksums: reading all of them would take long."""
        try:
            with local_copy(path) as copy, open_regular(copy) as file, zipfile.ZipFile(file) as archive:
                listed = [(member.filename, member.CRC, member.file_size) for member in archive.infolist()]
                size = copy.stat().st_size
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise ValueError(str(error)) from None
        return Checksum(size, zlib.crc32(repr(listed).encode()))

    def read(self, files: list[Path]) -> Iterator[StoredSample]:
        """The samples in order. The whole file is in memory, as it is for every reader of an npz file."""
        for path in files:
            try:
                with local_copy(path) as copy, np.load(copy) as file:
                    arrays = [file[name] for name in ("images", "widths", "labels", "boxes", "lengths")]
            except (zipfile.BadZipFile, EOFError) as error:
                raise ValueError(str(error)) from None
            for row, (image, width, text, boxes, length) in enumerate(zip(*arrays, strict=True)):
                used = boxes[:length][boxes[:length, 2] > 0].tolist()
                yield StoredSample(f"{path.name}[{row}]", image[:, :width], str(text), used)


def total_memory(cgroups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Bytes of memory of the machine, or of the container if that is less; None if the system does not say."""
    limits = []
    with contextlib.suppress(AttributeError, OSError, ValueError):  # Windows has no sysconf
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for name in _CGROUP_LIMITS:
        with contextlib.suppress(OSError, ValueError):  # "max" means no limit
            limits.append(int((cgroups / name).read_text()))
    return min(limits, default=None)


def _background(job: Job) -> int:
    """The value of pixels without ink."""
    return 255 if job.pipeline.settings.invert else 0


def _arrays(batch: Batch, background: int) -> dict[str, Any]:
    images = batch.images
    beyond = np.arange(images.shape[2]) >= batch.width[:, None]
    if beyond.any():
        images = np.where(beyond[:, None, :], np.uint8(background), images)
    masks = {} if batch.masks is None else {MASKS: batch.masks}
    return masks | {
        "images": images,
        "labels": np.array(batch.texts),
        "lengths": batch.text_length,
        "boxes": batch.boxes,
        "widths": batch.width,
    }


def _write_arrays(file: BinaryIO, parts: list[Path], background: int, check: Check) -> None:
    """Write the arrays of all parts as one npz file, padded to the widest image and the longest text.

    Parts are read twice for each array: never more than one is in memory. check: called for each.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in (*NAMES, *({MASKS} & _names(parts[0]))):
            shapes, dtypes = zip(*((array.shape, array.dtype) for array in (_load(part, name) for part in parts)))
            shape = (sum(s[0] for s in shapes), *np.max([s[1:] for s in shapes], axis=0).astype(int).tolist())
            dtype = np.result_type(*dtypes)
            header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
            # written array by array, as np.savez would need all of them in memory
            with archive.open(zip_entry(f"{name}.npy", 0o600), "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(member, header)
                for part in parts:
                    check()
                    array = _load(part, name).astype(dtype, copy=False)
                    if array.shape[1:] != shape[1:]:
                        padded = np.full((len(array), *shape[1:]), background if name == "images" else 0, dtype)
                        padded[tuple(slice(n) for n in array.shape)] = array
                        array = padded
                    member.write(np.ascontiguousarray(array).view(np.uint8).data)


def _load(part: Path, name: str) -> NDArray[Any]:
    with _opened(part) as arrays:
        found: NDArray[Any] = arrays[name]
    return found


def _names(part: Path) -> set[str]:
    with _opened(part) as arrays:
        return set(arrays.files)


@contextlib.contextmanager
def _opened(part: Path) -> Iterator[Any]:
    """The arrays in the file `part`. `OutputError` where the block cannot read them."""
    try:
        with np.load(part) as arrays:
            yield arrays
    except _DAMAGE as error:
        raise OutputError(
            f"{part} is damaged ({error}): remove it and give `resume` again, or begin anew with `overwrite`"
        ) from None


def _count(path: Path) -> int:
    """How many images are in the npz file; 0 if it does not exist. `OutputError` when it is something else."""
    if not os.path.lexists(path):
        return 0
    try:
        with open_regular(path) as file, np.load(file) as arrays:
            return len(arrays["lengths"])
    except (OSError, *_DAMAGE) as error:
        raise OutputError(
            f"{path} is not a file that digitseq wrote ({error}): name another directory with `output_path`"
        ) from None
