"""Single PNG files, 1.png, 2.png, …, with label files beside them."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from digitseq.errors import DigitseqError, DigitseqWarning, OutputError, RunError
from digitseq.files.atomic import replacing
from digitseq.files.locations import exists, is_there
from digitseq.files.regular import ends_a_line, open_regular, regular_size
from digitseq.formats.base import Format, FormatPlan, Job, RunRequest, StoredSample, free_start, images_of
from digitseq.formats.parts import MASKS, PartFiles, batches, numbers_in
from digitseq.formats.png_encoder import encode_png
from digitseq.formats.streaming import PIECE, OutputBuffer, file_pieces, zip_entry
from digitseq.labels import label_formats
from digitseq.labels.base import LabelFormat
from digitseq.options import PARTS
from digitseq.pipeline import Batch, Pipeline
from digitseq.sources.base import Check, never_cancelled

MASK = f"{MASKS}/%d.png"
# Publishing a part costs the owner of a run about as much as making ten images: parts of large runs are larger, but
# not so large that processes would wait for the last ones.
MOST_BATCHES, USUAL_PARTS = 4, 96
LINES_IN_MEMORY = 1 << 23  # bytes of a label file; a larger one goes to a temporary file


class OutputFormat(Format):
    """See `Format`."""

    streams = True

    def numbered(self, labels: tuple[str, ...], masks: bool) -> tuple[str, ...]:
        """Images, their masks, and labels of single images."""
        return ("%d.png", *[MASK] * masks, *(each.numbered for each in label_formats(labels) if each.numbered))

    def results(self, labels: tuple[str, ...], name: str) -> tuple[str, ...]:
        return tuple(each.summary_name for each in label_formats(labels) if each.summary_name)

    def split_results(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(each.summary_name for each in label_formats(labels) if each.summary_name and each.summary_of_split)

    def knows(self, details: dict[str, Any]) -> bool:
        begun = details.get("begun")
        known = isinstance(begun, list) and all(isinstance(name, str) for name in begun)
        return known and isinstance(details.get("classes", ""), str)

    def begin(self, pipeline: Pipeline, request: RunRequest) -> FormatPlan:
        """Continues after the highest number in the folder. Warns where earlier runs have other labels.

        Numbers of images that somebody has deleted are not used again: their labels are still there.
        """
        self._check_label_files(request)
        classes = self._classes(pipeline, request)
        self._check_lines(request, classes)
        before = {label for run in request.earlier if run.images for label in run.labels}
        if before and before != set(request.labels):
            warnings.warn(
                f"{request.folder} has images of earlier runs with the labels {' '.join(sorted(before))}: other label "
                "files will list the images of this run only; give the same `labels`, or another `output_path`",
                DigitseqWarning,
                stacklevel=2,
            )
        listed = [each.file_name for each in label_formats(request.labels) if each.file_name and each.first_line]
        begun = [name for name in listed if not exists(request.folder / name)]
        # of masks and labels, too: what is called like one of them may be somebody else's
        names = self.numbered(request.labels, pipeline.settings.masks)
        there = [number for name in names for number in numbers_in(request.folder, name)]
        after = max(max(there, default=0), images_of(request.earlier))
        start = free_start(request, there, after)
        # recorded: a run that is killed leaves labels without a list of their classes
        numbered = any(each.numbers_classes for each in label_formats(request.labels))
        details = {"begun": begun} | ({"classes": classes} if numbered else {})
        batches = min(max(request.images // (USUAL_PARTS * pipeline.batch_size), 1), MOST_BATCHES)
        return FormatPlan(start, batches * pipeline.batch_size, details)

    def _classes(self, pipeline: Pipeline, request: RunRequest) -> str:
        """The classes of all images in the folder: one list, as their numbers have one meaning only.

        `OutputError` where earlier labels have others. The list of one run may go on where that of another one ends.
        """
        found = pipeline.bank.characters
        for name, each in zip(request.labels, label_formats(request.labels)):  # "none" is alone, and no format
            earlier = [run for run in request.earlier if run.images and name in run.labels]
            if not each.numbers_classes or not earlier:
                continue
            lists = [known for run in earlier if isinstance(known := run.details.get("classes"), str)]
            folder = request.folder.parent if request.part and each.summary_of_split else request.folder
            summary = folder / (each.summary_name or "")
            if exists(summary):  # runs of earlier releases did not record their classes
                with _as_written(summary, OutputError):
                    lists.append(each.listed_classes(summary))
            for other in lists:
                if not (found.startswith(other) or other.startswith(found)):
                    raise OutputError(
                        f"{request.folder} has labels with the classes {other:.70}, this run has "
                        f"{pipeline.bank.characters:.70}: name another folder with `name` or `output_path`, or begin "
                        "this one anew with `overwrite`"
                    )
                found = max(found, other, key=len)
        return found

    def _check_lines(self, request: RunRequest, classes: str) -> None:
        """`OutputError` for lines that `finish` could not make a summary from, before any image is made."""
        for each in label_formats(request.labels):
            lines = request.folder / (each.file_name or "")
            if each.summary_name and regular_size(lines):
                with _as_written(lines, OutputError), open_regular(lines) as file:
                    for _ in each.summary(file, classes):
                        pass

    def _check_label_files(self, request: RunRequest) -> None:
        """Refuse what cannot be appended to in the place of a label file, before any image is made."""
        for each in label_formats(request.labels):
            if reason := each.refusal(request.folder):
                raise OutputError(f"{request.folder}: {reason}: name another directory with `output_path`")
            lines = request.folder / (each.file_name or "")
            if each.file_name and is_there(lines) and regular_size(lines) is None:
                raise OutputError(
                    f"{lines} is not a regular file: move it away, or name another directory with `output_path`"
                )
            if each.file_name and not ends_a_line(lines):
                raise OutputError(
                    f"{lines} ends within a line: add a newline, or name another directory with `output_path`"
                )

    def make(self, job: Job, start: int, stop: int, files: PartFiles) -> None:
        """The images, and the lines that they add to the label files."""
        labels, characters = label_formats(job.labels), job.pipeline.bank.characters
        for batch in files.batches(job.pipeline, start, stop):
            for name, contents in _numbered_files(batch, labels, characters):
                files.write_numbered(name, batch.start + 1, contents)
            for each in labels:
                if each.file_name:
                    begins = each.file_name in job.details["begun"] and batch.start == job.start
                    files.add(each.file_name, each.first_line * begins + each.lines(batch))

    def finish(self, job: Job, folder: Path, kept: Path, stop: int) -> dict[str, Path]:
        """Label files that cannot be appended to."""
        made = {}
        for each in label_formats(job.labels):
            own = each.summary_name if not (job.part and each.summary_of_split) else None
            if own and each.file_name and (folder / each.file_name).exists():
                path = folder / each.file_name
                with _as_written(path, RunError), open_regular(path) as lines, replacing(kept / own) as file:
                    file.writelines(each.summary(lines, _recorded_classes(job)))
                made[own] = kept / own
        return made

    def finish_split(self, job: Job, folder: Path, kept: Path) -> dict[str, Path]:
        """Label files about all parts, those of earlier runs among them."""
        made = {}
        for each in label_formats(job.labels):
            parts = [part for part in PARTS if (folder / part / (each.file_name or "")).is_file()]
            if parts and each.summary_name and each.summary_of_split:
                with replacing(kept / each.summary_name) as file:
                    file.write(each.split_summary(parts, _recorded_classes(job)))
                made[each.summary_name] = kept / each.summary_name
        return made

    def files_in(self, folder: Path, prefix: str = "") -> list[Path]:
        """The folder itself: a list of all its files would not fit in memory."""
        from digitseq.formats.labelled_images import has_labelled_images  # runs start sooner without

        return [folder] if not prefix and has_labelled_images(folder) else []

    def read(self, files: list[Path]) -> Iterator[StoredSample]:
        from digitseq.formats.labelled_images import read_labelled_images

        return read_labelled_images(files[0])

    def stream(
        self, pipeline: Pipeline, size: int, labels: tuple[str, ...] = (), check: Check = never_cancelled
    ) -> Generator[bytes, None, None]:
        """A zip archive of the files that a run writes to its folder, images first. See `Format`."""
        import zipfile  # runs start sooner without

        formats, characters, output = label_formats(labels), pipeline.bank.characters, OutputBuffer()
        # members are not compressed: PNG files already are
        with ExitStack() as stack, zipfile.ZipFile(output, "w") as archive:
            # images come first, so the lines of label files wait on disk: their number is not bounded
            line_files: list[IO[bytes]] = [stack.enter_context(SpooledTemporaryFile(LINES_IN_MEMORY)) for _ in formats]
            for batch in batches(pipeline, 0, size, check):
                for name, contents in _numbered_files(batch, formats, characters):
                    for number, data in enumerate(contents, batch.start + 1):
                        archive.writestr(zip_entry(name % number, 0o644), data)
                for each, lines in zip(formats, line_files):
                    lines.write(each.first_line * (batch.start == 0) + each.lines(batch))
                yield output.drain()
            for each, lines in zip(formats, line_files):
                for name, pieces in _common_files(each, lines, characters):
                    with archive.open(zip_entry(name, 0o644), "w", force_zip64=True) as member:
                        for piece in pieces:
                            member.write(piece)
                            if output.getbuffer().nbytes >= PIECE:
                                yield output.drain()
        yield output.drain()


def _recorded_classes(job: Job) -> str:
    """The classes of all images in the folder of a run; records of earlier releases do not have them."""
    return str(job.details.get("classes", job.pipeline.bank.characters))


@contextmanager
def _as_written(path: Path, error: type[DigitseqError]) -> Iterator[None]:
    """Raise `error` where the block finds that the label file `path` was changed, or is somebody else's."""
    try:
        yield
    except (ValueError, LookupError, TypeError, RecursionError):
        raise error(
            f"{path} is not as digitseq wrote it: move it away, or name another directory with `output_path`"
        ) from None


def _numbered_files(batch: Batch, labels: list[LabelFormat], characters: str) -> Iterator[tuple[str, list[bytes]]]:
    """The files of single images: a name such as "%d.png", and the contents for each image of the batch."""
    yield "%d.png", encode_png(batch.images, batch.width)
    if batch.masks is not None:
        yield MASK, encode_png(batch.masks, batch.width)
    for each in labels:
        if each.numbered:
            yield each.numbered, each.files(batch, characters)


def _common_files(label: LabelFormat, lines: IO[bytes], characters: str) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The files of one label format for all images: names and contents. lines: what its `lines` gave, in order."""
    lines.seek(0)
    if label.file_name and not label.file_name.startswith("."):
        yield label.file_name, file_pieces(lines)
    if label.summary_name:
        yield label.summary_name, label.summary(lines, characters)
