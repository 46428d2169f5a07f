"""The interface of label formats."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from digitseq.files.listing import names_in
from digitseq.files.locations import StoreError, is_file
from digitseq.files.regular import read_regular
from digitseq.pipeline import Batch

MAX_BYTES = 1 << 24  # of a label file of one image


class StoredLabel(NamedTuple):
    """What a label file says about one image.

    image: the image's file name, relative to the folder; text: None where the format has only boxes
    boxes: [x, y, w, h] in pixels, or `relative` ones: centre and size as shares of the image; None without boxes
    characters: of the boxes, in order; mask: the mask's file name, relative to the folder; None without masks
    """

    image: str
    text: str | None
    boxes: list[list[float]] | None = None
    characters: list[str] | None = None
    relative: bool = False
    mask: str | None = None


class LabelError(ValueError):
    """Says which label file, and which line of it, is wrong, and how."""


@contextlib.contextmanager
def naming(place: str) -> Iterator[None]:
    """Raises any error as a `LabelError` about `place`: a file, or a line of one."""
    try:
        yield
    except StoreError:
        raise
    except Exception as error:  # of any kind: the file may be somebody else's
        cause = f"no `{error.args[0]}`" if isinstance(error, KeyError) else f"{type(error).__name__}: {error}"
        raise LabelError(f"{place}: {cause}") from None


class LabelFormat:
    """A label format: lines in one file for all images, one file per image, one summary of all images, or several.

    file_name: the file of lines, or None; it is hidden if only the summary is of use; first_line: its header
    numbered: the name of each image's own file with %d for the image's number, or None
    summary_name: the file that depends on all images, or None
    summary_of_split: whether train/, val/ and test/ have one above them in common; has_texts: False for boxes only
    numbers_classes: whether labels have the numbers of classes, which `summary_name` lists
    """

    file_name: str | None = None
    first_line = b""
    numbered: str | None = None
    summary_name: str | None = None
    summary_of_split = False
    has_texts = True
    numbers_classes = False

    def lines(self, batch: Batch) -> bytes:
        """What the images of `batch` add to `file_name`, newlines included."""
        return b""

    def files(self, batch: Batch, characters: str) -> list[bytes]:
        """The contents of each image's own file. characters: the classes, in order."""
        return []

    def summary(self, lines: IO[bytes], characters: str) -> Iterator[bytes]:
        """The contents of `summary_name`, in pieces. lines: `file_name`, open for reading. Raises `OSError`."""
        return iter(())

    def split_summary(self, parts: list[str], characters: str) -> bytes:
        """The contents of `summary_name` beside the folders of a split, those of `parts`; see `summary_of_split`."""
        return b""

    def listed_classes(self, summary: Path) -> str:
        """The classes that the file `summary` lists, in order, where `numbers_classes`. Raises as `read` does."""
        raise NotImplementedError

    def refusal(self, folder: Path) -> str | None:
        """Why readers would not find labels in `folder`; None where they do."""
        return None

    def is_in(self, folder: Path) -> bool:
        """Whether `folder` has label files of this format that `read` can read."""
        name = self.summary_name or self.file_name
        return type(self).read is not LabelFormat.read and name is not None and is_file(folder / name)

    def read(self, folder: Path) -> Iterator[StoredLabel]:
        """The labels in `folder`, where `is_in`. Raises `OSError`, `ValueError`, `KeyError` or `TypeError`."""
        raise NotImplementedError


def numbers(batch: Batch) -> range:
    """The numbers in the file names of the images of `batch`, from 1."""
    return range(batch.start + 1, batch.start + 1 + len(batch))


def numbered_files(folder: Path, name: str) -> Iterator[tuple[int, Path]]:
    """The files `name % 1`, `name % 2`, … in `folder`, with their numbers, in order."""
    pattern = re.compile(re.escape(name).replace("%d", r"([1-9][0-9]{0,14})"))
    found = map(pattern.fullmatch, names_in(folder))
    for number in sorted(int(match[1]) for match in found if match):
        yield number, folder / (name % number)


def read_text(path: Path) -> str:
    """A small text file. Raises `OSError`, also for a pipe, and `ValueError` for other bytes than UTF-8."""
    return read_regular(path, MAX_BYTES).decode("utf-8")
