"""Writes the images of a range into a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from digitseq.folder import SCRATCH
from digitseq.labels import label_lines
from digitseq.pipeline import Pipeline
from digitseq.png import encode_png


@dataclass(frozen=True)
class ImageWriter:
    """What a process needs to make images of its own: `folder` is where they go, `labels` the line format.

    supervised: another process removes what this one leaves half-written when it is killed. Otherwise every
    image is written under a temporary name and then moved, which takes a quarter longer.
    """

    pipeline: Pipeline
    folder: Path
    labels: str
    supervised: bool = False

    def write(self, start: int, stop: int) -> Path:
        """Write images start … stop-1 (from 0) as start+1.png …; returns a file, relative to the folder, with
        their label lines.

        Raises `OSError`; the images before the one that failed are then whole, and no other has a name.
        """
        scratch = self.folder / SCRATCH
        scratch.mkdir(exist_ok=True)
        temporary = None if self.supervised else scratch / "image"
        lines = b""
        size = self.pipeline.batch_size
        for first in range(start, stop, size):
            batch = self.pipeline.batch(first, min(first + size, stop))
            _write_files(encode_png(batch.images, batch.width), self.folder, first + 1, temporary)
            lines += label_lines(batch, self.labels)
        # a file, because a pipe to the parent would cost both sides more
        part = Path(SCRATCH, f"labels-{start}")
        (self.folder / part).write_bytes(lines)
        return part


def _write_files(files: list[bytes], folder: Path, number: int, temporary: Path | None) -> None:
    """Write number.png, …, each under its own name at once or first under `temporary`."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    prefix = os.fsencode(folder / "_")[:-1]
    part = os.fsencode(temporary) if temporary else None
    for data in files:
        name = b"%b%d.png" % (prefix, number)
        descriptor = os.open(part or name, flags, 0o666)
        try:
            written = os.write(descriptor, data)
            while written < len(data):
                written += os.write(descriptor, data[written:])
        except OSError:
            Path(os.fsdecode(part or name)).unlink()
            raise
        finally:
            os.close(descriptor)
        if part:
            os.replace(part, name)
        number += 1
