"""The interface of label formats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from digitseq.pipeline import Batch


class LabelFormat:
    """A label format: lines in one file for all images, one file per image, one summary of all images, or several.

    file_name: the file of lines, or None; it is hidden if only the summary is of use; first_line: its header
    numbered: the name of each image's own file with %d for the image's number, or None
    summary_name: the file that depends on all images, or None
    """

    file_name: str | None = None
    first_line = b""
    numbered: str | None = None
    summary_name: str | None = None

    def lines(self, batch: Batch) -> bytes:
        """What the images of `batch` add to `file_name`, newlines included."""
        return b""

    def files(self, batch: Batch, characters: str) -> list[bytes]:
        """The contents of each image's own file. characters: the classes, in order."""
        return []

    def summary(self, lines: IO[bytes], characters: str) -> Iterator[bytes]:
        """The contents of `summary_name`, in pieces. lines: `file_name`, open for reading. Raises `OSError`."""
        return iter(())


def numbers(batch: Batch) -> range:
    """The numbers in the file names of the images of `batch`, from 1."""
    return range(batch.start + 1, batch.start + 1 + len(batch))
