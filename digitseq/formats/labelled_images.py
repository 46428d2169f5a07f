"""Reads a folder of images with label files beside them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitseq.files.listing import names_in
from digitseq.files.locations import StoreError, exists
from digitseq.files.regular import read_regular
from digitseq.formats.base import StoredSample
from digitseq.formats.image_files import image_size
from digitseq.labels import LABEL_FORMATS, label_formats
from digitseq.labels.base import LabelError, LabelFormat, StoredLabel

MAX_BYTES = 1 << 28  # of an image
CONTACT_SHEET = "-inspection.png"  # what an inspection has written there is no image of the data set
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
Boxes = tuple[list[list[float]], list[str]]  # in pixels, and what is in them


def has_labelled_images(folder: Path) -> bool:
    """Whether there is an image or a label file in `folder`."""
    return any(map(_is_image, names_in(folder))) or bool(_labels_in(folder))


def read_labelled_images(folder: Path) -> Iterator[StoredSample]:
    """The images of `folder` in the order of their labels, then those without a label.

    Labels in several formats are compared. Raises `OSError`, and at the end, when all images and the other label files
    have been read, `LabelError` for those that could not be.
    """
    files, unlabelled = _labels_in(folder), _ImageNames(folder)
    # the first one gives the order: one with texts if there is any
    files.sort(key=lambda file: not file.has_texts)
    for place, file in enumerate(files):
        for label in file.rest():
            found = {file.name: label}
            found |= {other.name: same for other in files[place + 1 :] if (same := other.label_of(label.image))}
            known = unlabelled.remove(label.image)
            # a run may be adding images
            fault = None if known or not exists(folder / label.image) else "listed twice, or made meanwhile"
            if place and not files[0].error:
                fault = f"is not in {files[0].name}"
            yield _sample(folder, label.image, found, fault)
    for name in unlabelled:
        yield StoredSample(name, _contents(folder, name), None)
    if errors := [file.error for file in files if file.error]:
        raise LabelError("; ".join(errors))


class _LabelFile:
    """The labels of one format, read in order, but found by the name of their image, too.

    error: why they could not be read to their end, if so
    """

    def __init__(self, each: LabelFormat, folder: Path) -> None:
        self.name = each.summary_name or each.file_name or str(each.numbered).replace("%d", "*")
        self.has_texts = each.has_texts
        self.error: str | None = None
        self._labels = self._read(each, folder)
        # usually empty, as all formats list the images in one order
        self._passed: dict[str, StoredLabel] = {}

    def label_of(self, image: str) -> StoredLabel | None:
        if image in self._passed:
            return self._passed.pop(image)
        for label in self._labels:
            if label.image == image:
                return label
            self._passed[label.image] = label
        return None

    def rest(self) -> Iterator[StoredLabel]:
        """The labels that nobody has asked for."""
        while self._passed:
            yield self._passed.pop(next(iter(self._passed)))
        yield from self._labels

    def _read(self, each: LabelFormat, folder: Path) -> Iterator[StoredLabel]:
        try:
            yield from each.read(folder)
        except StoreError:
            raise
        except LabelError as error:
            self.error = str(error)
        except Exception as error:  # of any kind: the file may be somebody else's
            self.error = f"{self.name}: {type(error).__name__}: {error}"


class _ImageNames:
    """The names of all images in a folder. Those that are a number take nine bytes each, so that millions fit."""

    def __init__(self, folder: Path) -> None:
        self._others, self._seen_below, numbers = set[str](), set[str](), []
        for name in names_in(folder):
            if (number := _number_in(name)) is not None:
                numbers.append(number)
            elif _is_image(name):
                self._others.add(name)
        self._numbers = np.sort(np.array(numbers, np.int64))
        self._left = np.ones(len(numbers), bool)

    def remove(self, name: str) -> bool:
        """Whether the image is there and has not been removed before."""
        if (number := _number_in(name)) is not None:
            place = int(np.searchsorted(self._numbers, number))
            if place < len(self._numbers) and self._numbers[place] == number:
                found, self._left[place] = bool(self._left[place]), False
                return found
        if "/" in name:  # in a folder below this one, whose files were not listed
            before = len(self._seen_below)
            self._seen_below.add(name)
            return len(self._seen_below) > before
        found = name in self._others
        self._others.discard(name)
        return found

    def __iter__(self) -> Iterator[str]:
        yield from (f"{number}.png" for number in self._numbers[self._left].tolist())
        yield from sorted(self._others)


def _number_in(name: str) -> int | None:
    """The number of an image called like `7.png`."""
    stem, _, suffix = name.partition(".")
    plain = suffix == "png" and stem.isascii() and stem.isdigit() and stem[0] != "0" and len(stem) < 16
    return int(stem) if plain else None


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.endswith(CONTACT_SHEET)


def _labels_in(folder: Path) -> list[_LabelFile]:
    return [_LabelFile(each, folder) for each in label_formats(tuple(LABEL_FORMATS)) if each.is_in(folder)]


def _contents(folder: Path, name: str) -> bytes | None:
    """The bytes of an image file; none for a pipe or a directory of its name, which are damaged images then.

    A label file of somebody else's must not make files outside the folder part of a report: they count as missing.
    """
    if Path(name).is_absolute() or ".." in Path(name).parts:
        return None
    path = folder / name  # raises `ValueError` for the URL of another store
    try:
        return read_regular(path, MAX_BYTES)
    except FileNotFoundError:
        return None
    except StoreError:
        raise
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return b""


def _sample(folder: Path, name: str, labels: dict[str, StoredLabel], fault: str | None) -> StoredSample:
    """One image with all of its labels, which have to agree."""
    image = _contents(folder, name)
    texts: dict[str, object] = {file: label.text for file, label in labels.items() if label.text is not None}
    boxes = {file: found for file, label in labels.items() if (found := _in_pixels(label, image))}
    for what, said in (("texts", texts), ("boxes", boxes)):
        for (one, first), (other, second) in pairwise(said.items()):
            if first != second:
                fault = fault or f"{one} and {other} have different {what}"
    found_boxes, characters = next(iter(boxes.values()), (None, None))
    text = next((label.text for label in labels.values() if label.text is not None), None)
    if text is None and characters is not None:
        text = "".join(characters)
    mask = next((label.mask for label in labels.values() if label.mask is not None), None)
    mask_fault = _mask_fault(folder, mask, image) if mask is not None and image is not None else None
    return StoredSample(name, image, text, found_boxes, characters, fault, mask_fault)


def _mask_fault(folder: Path, name: str, image: bytes) -> str | None:
    """Why the file `name` is not a mask of `image`; None where it is, and where the image itself is damaged."""
    mask = _contents(folder, name)
    if mask is None:
        return f"{name} is missing"
    try:
        size = image_size(image)
    except ValueError:
        return None
    try:
        found = image_size(mask)
    except ValueError as error:
        return f"{name}: {error}"
    return None if found == size else f"{name} is {found[0]} x {found[1]}, the image {size[0]} x {size[1]}"


def _in_pixels(label: StoredLabel, image: bytes | None) -> Boxes | None:
    if label.boxes is None or label.characters is None:
        return None
    if not label.relative:
        return label.boxes, label.characters
    try:
        width, height = image_size(image or b"")
    except ValueError:
        return None
    shares = np.array(label.boxes, np.float64).reshape(-1, 4) * (width, height, width, height)
    shares[:, :2] -= shares[:, 2:] / 2
    rounded: NDArray[np.float64] = np.rint(shares)
    return rounded.astype(np.int64).tolist(), label.characters
