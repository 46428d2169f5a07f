"""Writes the images of a range into a folder, each whole before it has its name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from digitseq.folder import SCRATCH, SCRATCH_FILE
from digitseq.labels import label_lines
from digitseq.pipeline import Pipeline
from digitseq.png import encode_png


@dataclass(frozen=True)
class ImageWriter:
    """What a process needs to make images of its own: `folder` is where they go, `labels` the line format."""

    pipeline: Pipeline
    folder: Path
    labels: str

    def write(self, start: int, stop: int) -> Path:
        """Write images start … stop-1 (from 0) as start+1.png …; returns a file with their label lines.

        Raises `OSError`; the images before the one that failed are then whole, and no other has a name.
        """
        lines = b""
        size = self.pipeline.batch_size
        with _scratch_file(self.folder) as scratch:
            for first in range(start, stop, size):
                batch = self.pipeline.batch(first, min(first + size, stop))
                _write_files(encode_png(batch.images, batch.width), self.folder, first + 1, scratch)
                lines += label_lines(batch, self.labels)
        # a file, because a pipe to the parent would cost both sides more
        part = self.folder / SCRATCH / f"labels-{start}"
        part.write_bytes(lines)
        return part


@contextlib.contextmanager
def _scratch_file(folder: Path) -> Iterator[Path]:
    """A temporary name in a directory of this process's own, where creating files waits for no other process."""
    directory = folder / SCRATCH / str(os.getpid())
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / SCRATCH_FILE
    file.unlink(missing_ok=True)
    try:
        yield file
    finally:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
            directory.rmdir()


def _write_files(files: list[bytes], folder: Path, number: int, temporary: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0)
    part, prefix = os.fsencode(temporary), os.fsencode(folder / "_")[:-1]
    for data in files:
        descriptor = os.open(part, flags, 0o666)
        try:
            written = os.write(descriptor, data)
            while written < len(data):
                written += os.write(descriptor, data[written:])
        finally:
            os.close(descriptor)
        os.replace(part, b"%b%d.png" % (prefix, number))
        number += 1
