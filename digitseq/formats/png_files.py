"""Single PNG files, 1.png, 2.png, …, with label files beside them."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from digitseq.errors import DigitseqWarning
from digitseq.formats.base import Format, Job, Plan, Request, images_of
from digitseq.formats.label_files import write_whole_files
from digitseq.formats.parts import PartFiles
from digitseq.labels import FILE_NAMES, FIRST_LINES, SIDECARS, label_lines, sidecar_files
from digitseq.pipeline import Pipeline
from digitseq.png import encode_png

LONGEST_NUMBER = 15  # digits; a longer name is no number of ours


class OutputFormat(Format):
    """See `Format`."""

    def numbered(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """Images, and labels of single images."""
        return ("%d.png", *(SIDECARS[label] for label in labels if label in SIDECARS))

    def begin(self, pipeline: Pipeline, request: Request) -> Plan:
        """On from the highest number in the folder. Warns where earlier runs have other labels.

        The numbers of images that somebody has deleted are not given again: their labels are still there.
        """
        before = {label for run in request.earlier if run.images for label in run.labels}
        if before and before != set(request.labels):
            warnings.warn(
                f"{request.folder} has images with the labels {' '.join(sorted(before))}: a label file lists the "
                "images of those runs only that asked for it",
                DigitseqWarning,
                stacklevel=2,
            )
        begun = [label for label in FIRST_LINES if not (request.folder / FILE_NAMES[label]).exists()]
        start = max(highest_number(request.folder), images_of("png", request.earlier))
        return Plan(start, pipeline.batch_size, {"begun": begun})

    def make(self, job: Job, start: int, stop: int, files: PartFiles) -> None:
        """The images, and the lines that they add to the label files."""
        for batch in files.batches(job.pipeline, start, stop):
            first = batch.start + 1
            files.write_numbered("%d.png", first, encode_png(batch.images, batch.width))
            for label in job.labels:
                if label in SIDECARS:
                    texts = sidecar_files(batch, label, job.pipeline.bank.characters)
                    files.write_numbered(SIDECARS[label], first, texts)
                if label in FILE_NAMES:
                    head = FIRST_LINES[label] if label in job.details["begun"] and batch.start == job.start else b""
                    files.add(FILE_NAMES[label], head + label_lines(batch, label))

    def finish(self, job: Job, folder: Path, kept: Path, stop: int) -> None:
        """Label files that cannot be added to."""
        write_whole_files(folder, job.labels, job.pipeline.bank.characters, kept)


def highest_number(folder: Path) -> int:
    """The highest number of an image in the folder; 0 when there is none, or no folder."""
    highest = 0
    if folder.is_dir():
        with os.scandir(folder) as entries:
            for entry in entries:
                stem, dot, suffix = entry.name.partition(".")
                if dot and suffix == "png" and stem.isascii() and stem.isdigit() and len(stem) <= LONGEST_NUMBER:
                    highest = max(highest, int(stem))
    return highest
