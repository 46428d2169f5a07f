"""What is found in a data set: counts, histograms, and a list of what is wrong."""

from __future__ import annotations

import random
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digitseq.formats.base import StoredSample
from digitseq.formats.image_files import image_pixels, image_size

EXAMPLES = 5  # named in a report for each kind of problem
UNREADABLE = "files that cannot be read to their end"
SHOWN = 48  # samples on the contact sheet


@dataclass
class Problem:
    """One kind of problem: how often it was found, and the first few cases."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str) -> None:
        """Count another case."""
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(example)


class Shown(NamedTuple):
    """A sample of the contact sheet: pixels uint8 (H, W), its text, boxes [x, y, w, h]."""

    name: str
    pixels: NDArray[np.uint8]
    text: str
    boxes: list[list[float]]


class Findings:
    """Everything that is found in one folder. Samples are added one by one; memory is 16 bytes for each.

    widths, heights, lengths, characters: how many images, or characters, have each value
    unlabelled: images without a label; problems: by what is wrong; shown: a random choice of the samples
    """

    def __init__(self) -> None:
        self.images = 0
        self.widths: Counter[int] = Counter()
        self.heights: Counter[int] = Counter()
        self.lengths: Counter[int] = Counter()
        self.characters: Counter[str] = Counter()
        self.unlabelled = Problem()
        self.problems: dict[str, Problem] = {}
        self.shown: list[Shown] = []
        # hashes instead of the images themselves: two of a million different ones agree once in 10**7 data sets
        self.image_hashes, self.text_hashes = array("q"), array("q")
        self._random = random.Random(0)  # the same data set gives the same sheet

    def report(self, problem: str, example: str) -> None:
        """Add a case of `problem`."""
        self.problems.setdefault(problem, Problem()).add(example)

    def add(self, sample: StoredSample) -> None:
        """Count and check one sample."""
        if not (sample.text is None or isinstance(sample.text, str)):
            raise TypeError(f"the label is {type(sample.text).__name__}, not a text")
        if sample.fault:
            self.report("labels that contradict each other", f"{sample.name} ({sample.fault})")
        if sample.mask_fault:
            self.report("masks that do not fit their image", f"{sample.name} ({sample.mask_fault})")
        image = sample.image
        if image is None:
            self.report("labels without an image", sample.name)
            return
        try:
            width, height = image_size(image) if isinstance(image, bytes) else image.shape[1::-1]
        except ValueError as error:
            self.report("damaged images", f"{sample.name} ({error})")
            return
        self.images += 1
        self.widths[width] += 1
        self.heights[height] += 1
        self.image_hashes.append(hash(image if isinstance(image, bytes) else image.tobytes()))
        self.text_hashes.append(hash(sample.text))
        if sample.text is None:
            self.unlabelled.add(sample.name)
        else:
            self._add_text(sample, sample.text)
        self._show(sample, self._boxes_inside(sample, width, height))

    def _add_text(self, sample: StoredSample, text: str) -> None:
        self.lengths[len(text)] += 1
        self.characters.update(text)
        if not text:
            self.report("empty labels", sample.name)
        if sample.characters is not None and not _is_part(sample.characters, text):
            self.report("boxes of other characters than the text has", f"{sample.name} ({text!r:.40})")

    def _boxes_inside(self, sample: StoredSample, width: int, height: int) -> list[list[float]]:
        """The boxes that lie inside the image."""
        boxes = sample.boxes or []
        # written so that a box that has no numbers (NaN) does not lie inside
        inside = [0 <= x < x + w <= width and 0 <= y < y + h <= height for x, y, w, h in boxes]
        if not all(inside):
            box = ", ".join(f"{value:g}" for value in boxes[inside.index(False)])
            self.report("boxes outside the image", f"{sample.name} ([{box}] in {width} x {height})")
        return [box for box, is_inside in zip(boxes, inside) if is_inside]

    def _show(self, sample: StoredSample, boxes: list[list[float]]) -> None:
        """Keep each sample with the same probability (Vitter, "Random sampling with a reservoir", 1985)."""
        place = self.images - 1 if self.images <= SHOWN else self._random.randrange(self.images)
        if place >= SHOWN or sample.image is None:
            return
        try:
            pixels = image_pixels(sample.image) if isinstance(sample.image, bytes) else sample.image.copy()
        except ValueError as error:
            self.report("damaged images", f"{sample.name} ({error})")
            return
        # in place of an earlier one, or at the end
        self.shown[place : place + 1] = [Shown(sample.name, pixels, sample.text or "", boxes)]

    def finish(self, need_labels: bool = True) -> None:
        """Check what needs all samples. need_labels: whether images without any labels are a problem."""
        # the images behind the end of a label file that could not be read may have a label
        missing = self.unlabelled.count
        if missing and UNREADABLE not in self.problems and (need_labels or missing < self.images):
            self.problems["images without a label"] = self.unlabelled
        images, texts = np.array(self.image_hashes), np.array(self.text_hashes)
        order = np.argsort(images, kind="stable")
        images, texts = images[order], texts[order]
        same = images[1:] == images[:-1]
        self.duplicates = int(same.sum())
        self.distinct_texts = len(np.unique(texts)) - bool(missing)  # no text is none
        for place in np.flatnonzero(same & (texts[1:] != texts[:-1])).tolist():
            pair = f"images {order[place] + 1} and {order[place + 1] + 1}, in the order of the labels"
            self.report("equal images with different labels", pair)


def shared_images(one: Findings, other: Findings) -> int:
    """How many images of `one` are in `other`, too."""
    return int(np.isin(np.array(one.image_hashes), np.array(other.image_hashes)).sum())


def _is_part(characters: list[str], text: str) -> bool:
    """Whether `text` is `characters` in their order, and other characters, which have no box, between them."""
    if len(characters) == len(text):
        return "".join(characters) == text
    rest = iter(text)
    return all(character in rest for character in characters)
