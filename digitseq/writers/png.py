"""Single PNG files, 1.png, 2.png, …, with label files beside them."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from digitseq.errors import DigitseqWarning
from digitseq.folder import SCRATCH, Folder, is_whole
from digitseq.labelfiles import LabelSet, Lines
from digitseq.output import Output
from digitseq.pipeline import Batch, Pipeline
from digitseq.png import encode_png
from digitseq.writers.base import Job, Runs, Task, batches, scratch


@dataclass(frozen=True)
class ImageMaker:
    """What a process needs to make images of its own: `folder` is where they go, `labels` the label formats.

    supervised: another process removes what this one leaves half-written when it is killed. Otherwise every
    image is written under a temporary name and then moved, which takes a quarter longer.
    again: images that stand there whole are left as they are.
    """

    pipeline: Pipeline
    folder: Path
    labels: tuple[str, ...]
    supervised: bool = False
    again: bool = False
    in_place = True

    def in_worker(self) -> ImageMaker:
        """For a process that works in `folder`: short paths cost the kernel less."""
        return replace(self, folder=Path(), supervised=True)

    def make(self, start: int, stop: int) -> Path:
        """Write images start … stop-1 (from 0) as start+1.png …; returns where their label lines stand.

        Raises `OSError`; the images before the one that failed are then whole, and no other has a name.
        """
        temporary = None if self.supervised else scratch(self.folder) / "image"
        label_set = LabelSet(self.folder, self.labels, self.pipeline.bank.characters)
        part, mode = Path(SCRATCH, f"labels-{start}"), "wb"
        for batch in batches(self.pipeline, start, stop):
            numbers = self._missing(batch)
            if numbers:
                chosen = [n - 1 - batch.start for n in numbers]
                whole = len(chosen) == len(batch)
                files = encode_png(
                    batch.images if whole else batch.images[chosen], batch.width if whole else batch.width[chosen]
                )
                _write_files(files, self.folder, numbers, temporary)
            label_set.write_sidecars(batch, list(range(batch.start + 1, batch.start + 1 + len(batch))))
            # a file, because a pipe to the parent would cost both sides more
            for name, lines in label_set.lines(batch).items():
                with open(scratch(self.folder) / f"{part.name}.{name}", mode) as file:
                    file.write(lines)
            mode = "ab"
        return part

    def _missing(self, batch: Batch) -> list[int]:
        numbers = range(batch.start + 1, batch.start + 1 + len(batch))
        return [n for n in numbers if not (self.again and is_whole(self.folder / f"{n}.png"))]


def _write_files(files: list[bytes], folder: Path, numbers: list[int], temporary: Path | None) -> None:
    """Write number.png, …, each under its own name at once or first under `temporary`."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    prefix = os.fsencode(folder / "_")[:-1]
    part = os.fsencode(temporary) if temporary else None
    for number, data in zip(numbers, files):
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


class FormatWriter:
    """PNG files and their labels: see `Writer`. An image is listed when its part is committed."""

    def __init__(self, job: Job) -> None:
        self._job = job
        labels = tuple(job.plan["labels"])
        self.maker = ImageMaker(job.pipeline, job.folder.path, labels, again=job.again)
        self.task_size = job.pipeline.batch_size
        self._labels = LabelSet(job.folder.path, labels, job.pipeline.bank.characters)
        self._listed = job.span[0]
        self._sizes: dict[str, int] = job.plan["label_bytes"]

    @staticmethod
    def check(pipeline: Pipeline, count: int) -> None:
        """Anything can be written."""

    @staticmethod
    def start(folder: Folder, runs: Runs) -> int:
        """The highest number in the folder."""
        return max(folder.numbers(), default=0)

    @staticmethod
    def plan(folder: Folder, name: str, output: Output) -> dict[str, Any]:
        """The label formats, and how long their files are before the run. Warns where they differ from earlier ones."""
        before = {name for run in folder.read_runs() if run.get("images") for name in run.get("labels", ())}
        if before and before != set(output.labels) and not output.resume:
            warnings.warn(
                f"{folder.path} has images with the labels {' '.join(sorted(before))}: a label file lists the images "
                "of those runs only that asked for it",
                DigitseqWarning,
                stacklevel=2,
            )
        return {"labels": list(output.labels), "label_bytes": LabelSet(folder.path, output.labels, "").sizes()}

    def open(self) -> int:
        """All labels are written anew; the maker leaves images alone that are there."""
        self._labels.cut(self._sizes)
        self._labels.open()
        return self._job.span[0]

    def commit(self, task: Task, part: Path) -> None:
        """List the images of `task`."""
        lines = {}
        for name in self._sizes:
            path = self._job.folder.path / f"{part}.{name}"
            lines[name] = path.read_bytes()
            path.unlink()
        self._labels.append(lines)
        self._listed, self._sizes = task[1], self._labels.sizes()

    def close(self) -> None:
        """Write the label files that need all images."""
        self._labels.close()

    def abort(self) -> int:
        """List what stands there, and remove what is half-written."""
        self._job.folder.clean()
        done = self._listed - self._job.span[0] + self._list_unlisted()
        with suppress(OSError):
            self._labels.close()
        return done

    def _list_unlisted(self) -> int:
        """List the images of the run that stand in the folder after those that are listed. Returns how many.

        Their labels are computed again: they depend on settings, seed and number alone. Images that a killed
        process left half-written are removed.
        """
        folder, stop, size = self._job.folder, self._job.span[1], self._job.pipeline.batch_size
        self._labels.cut(self._sizes)
        there = sorted(n for n in folder.numbers() if self._listed < n <= stop and not folder.remove_torn(n))
        for number in {n for n in self._labels.sidecar_numbers() if self._listed < n <= stop}.difference(there):
            self._labels.remove_sidecars(number)
        done = 0
        while there:
            first = there[0]
            numbers = [n for n in there[:size] if n < first + size]
            done += self._append_or_drop(self._job.pipeline.batch(first - 1, numbers[-1]), numbers)
            there = there[len(numbers) :]
        return done

    def _append_or_drop(self, batch: Batch, numbers: list[int]) -> int:
        """List the images `numbers`; on a full disk the newest of them make room for the labels of the others.

        Returns how many are listed.
        """
        lines = {name: text.splitlines(keepends=True) for name, text in self._labels.lines(batch).items()}
        kept, sizes = len(numbers), self._labels.sizes()
        while kept:
            chosen: Lines = {
                name: b"".join(rows[n - 1 - batch.start] for n in numbers[:kept]) for name, rows in lines.items()
            }
            try:
                self._labels.write_sidecars(batch, numbers[:kept])
                self._labels.append(chosen)
                break
            except OSError:
                self._labels.cut(sizes)
                fewer = kept * 7 // 8
                for number in numbers[fewer:kept]:
                    self._job.folder.image(number).unlink(missing_ok=True)
                    self._labels.remove_sidecars(number)
                kept = fewer
        return kept
