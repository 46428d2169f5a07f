"""What a label format is to the images beside it."""

from __future__ import annotations

from pathlib import Path

from digitseq.pipeline import Batch


class LabelFormat:
    """A label format: lines of one file for all images, a file for each image, or both.

    file_name: the file with the lines, None where there is none; first_line: what that file begins with
    numbered: the name of each image's own file with %d for the image's number, None where there is none
    """

    file_name: str | None = None
    first_line = b""
    numbered: str | None = None

    def lines(self, batch: Batch) -> bytes:
        """What the images of `batch` add to `file_name`, newlines included."""
        return b""

    def files(self, batch: Batch, characters: str) -> list[bytes]:
        """What stands in the own file of each image. characters: the classes, in order."""
        return []

    def finish(self, folder: Path, characters: str, within: Path) -> None:
        """Write files that depend on all images in `folder`, and cannot be added to. May be called again.

        within: the directory where they are written before they get their names. Raises `OSError`.
        """


def numbers(batch: Batch) -> range:
    """The numbers in the file names of the images of `batch`."""
    return range(batch.start + 1, batch.start + 1 + len(batch))
