"""Single PNG files, 1.png, 2.png, …, with label files beside them."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from digitseq.errors import DigitseqWarning
from digitseq.formats.base import Format, Job, Plan, RunRequest, images_of
from digitseq.formats.parts import PartFiles
from digitseq.formats.png_encoder import encode_png
from digitseq.labels import LABEL_FORMATS, label_format
from digitseq.labels.base import LabelFormat
from digitseq.pipeline import Pipeline

LONGEST_NUMBER = 15  # digits; a longer name is no number of ours


class OutputFormat(Format):
    """See `Format`."""

    def numbered(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """Images, and labels of single images."""
        return ("%d.png", *(each.numbered for each in _formats(labels) if each.numbered))

    def begin(self, pipeline: Pipeline, request: RunRequest) -> Plan:
        """On from the highest number in the folder. Warns where earlier runs have other labels.

        The numbers of images that somebody has deleted are not given again: their labels are still there.
        """
        before = {label for run in request.earlier if run.images for label in run.labels}
        if before and before != set(request.labels):
            warnings.warn(
                f"{request.folder} has images of earlier runs with the labels {' '.join(sorted(before))}: other label "
                "files will list the images of this run only; give the same labels, or another directory with -o",
                DigitseqWarning,
                stacklevel=2,
            )
        listed = [each.file_name for each in _formats(request.labels) if each.file_name and each.first_line]
        begun = [name for name in listed if not (request.folder / name).exists()]
        start = max(highest_number(request.folder), images_of("png", request.earlier))
        return Plan(start, pipeline.batch_size, {"begun": begun})

    def make(self, job: Job, start: int, stop: int, files: PartFiles) -> None:
        """The images, and the lines that they add to the label files."""
        labels, characters = _formats(job.labels), job.pipeline.bank.characters
        for batch in files.batches(job.pipeline, start, stop):
            first = batch.start + 1
            files.write_numbered("%d.png", first, encode_png(batch.images, batch.width))
            for each in labels:
                if each.numbered:
                    files.write_numbered(each.numbered, first, each.files(batch, characters))
                if each.file_name:
                    begins = each.file_name in job.details["begun"] and batch.start == job.start
                    files.add(each.file_name, each.first_line * begins + each.lines(batch))

    def finish(self, job: Job, folder: Path, kept: Path, stop: int) -> None:
        """Label files that cannot be added to."""
        for each in _formats(job.labels):
            each.finish(folder, job.pipeline.bank.characters, kept)


def _formats(labels: tuple[str, ...]) -> list[LabelFormat]:
    """Those of the setting `labels`, whose "none" is no format."""
    return [label_format(name) for name in labels if name in LABEL_FORMATS]


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
