"""Data sets as one file, piece by piece: what `run.py` writes, sent while it is made."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

from digitseq.formats.base import Job
from digitseq.formats.npz import EPOCH, OutputFormat, write_arrays
from digitseq.formats.parts import PartFiles, batches, spans
from digitseq.formats.png_encoder import encode_png
from digitseq.formats.webdataset import BLOCK, RECORD, tar_members
from digitseq.labels.jsonl import Labels
from digitseq.pipeline import Pipeline
from digitseq.service.limits import Limits
from digitseq.service.problems import Problem
from digitseq.service.stoppable import StoppablePipeline
from digitseq.sources.base import Check

SUFFIXES = {"zip": "zip", "webdataset": "tar", "npz": "npz"}
MEDIA_TYPES = {"zip": "application/zip", "webdataset": "application/x-tar", "npz": "application/x-npz"}
PIECE = 1 << 20
KEPT_LABELS = 1 << 23  # bytes of labels in memory; more of them go to a temporary file


def archive(name: str, pipeline: StoppablePipeline, size: int) -> Generator[bytes, None, None]:
    """Images 0 … size-1 as the archive `name`, in memory that does not depend on `size`.

    zip: `1.png`, … and `metadata.jsonl`, as `run.py` writes them into a folder
    webdataset: one shard, the same bytes as `run.py --format webdataset` writes
    npz: the same bytes as `run.py --format npz`; NumPy wants the shapes first, so it is made on disk

    An empty piece means that there is work under way.
    """
    return {"npz": _npz, "zip": _zip, "webdataset": _tar}[name](pipeline, size)


def check_size(name: str, pipeline: Pipeline, size: int, limits: Limits) -> None:
    """Raises `Problem` when the archive would be too large to be made on disk."""
    bytes_of_pixels = size * pipeline.bank.height * pipeline.widest
    if name == "npz" and bytes_of_pixels > limits.max_npz:
        raise Problem(
            413,
            f"npz would have {bytes_of_pixels:,} bytes of pixels, at most {limits.max_npz:,} are made: "
            "take webdataset or zip, or lower size",
            "size",
        )


def _tar(pipeline: StoppablePipeline, size: int) -> Generator[bytes, None, None]:
    sent = 0
    for batch in batches(pipeline, 0, size):
        piece = tar_members(batch)
        sent += len(piece)
        yield piece
    end = 2 * BLOCK
    yield bytes(end + -(sent + end) % RECORD)


def _zip(pipeline: StoppablePipeline, size: int) -> Generator[bytes, None, None]:
    """Images are compressed already, so they are stored. The labels come last."""
    tape = _Tape()
    with tempfile.SpooledTemporaryFile(KEPT_LABELS) as labels, zipfile.ZipFile(tape, "w") as archive:
        for batch in batches(pipeline, 0, size):
            for number, file in enumerate(encode_png(batch.images, batch.width), batch.start + 1):
                archive.writestr(_entry(f"{number}.png"), file)
            labels.write(Labels().lines(batch))
            yield tape.cut()
        labels.seek(0)
        with archive.open(_entry(Labels.file_name), "w", force_zip64=True) as member:
            while piece := labels.read(PIECE):
                member.write(piece)
                yield tape.cut()
    yield tape.cut()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.create_system = 3  # Unix, wherever it is made
    entry.external_attr = 0o644 << 16
    return entry


class _Tape(io.RawIOBase):
    """A file that can be written at its end only, and whose beginning is cut off and sent."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # zipfile writes bytes
        self._pieces.append(bytes(data))
        return len(data)

    def cut(self) -> bytes:
        """What was written since the last cut."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _npz(pipeline: StoppablePipeline, size: int) -> Generator[bytes, None, None]:
    with tempfile.TemporaryDirectory(prefix="digitseq-") as path:
        format_, job, directory = OutputFormat(), Job(pipeline, "set", 0, size), Path(path)
        for start, stop in spans(0, size, pipeline.batch_size):
            format_.make(job, start, stop, PartFiles(directory, pipeline.check))
            yield b""
        parts = [directory / f"{start}.arrays" for start, _ in spans(0, size, pipeline.batch_size)]
        with _StoppableFile(directory / "set.npz", pipeline.check) as file:
            write_arrays(file, parts, 255 if pipeline.settings.invert else 0)
            file.seek(0)
            while piece := file.read(PIECE):
                yield piece


class _StoppableFile(io.FileIO):
    """A new file that is written only while it is wanted."""

    def __init__(self, path: Path, check: Check) -> None:
        super().__init__(path, "x+")
        self._check = check

    def write(self, data: Any) -> int:
        self._check()
        return super().write(data)
