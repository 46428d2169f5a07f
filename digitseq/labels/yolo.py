"""YOLO's object detection: 1.txt, 2.txt, … beside the images, data.yaml, and images.txt, the list of images.

A split has one data.yaml above its folders. It has no `path`: without one, trainers take the lists to be relative to
the file, and images of a list that begin with `./` to be beside the list, wherever all of it is moved.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from digitseq.files.locations import is_file
from digitseq.glyphs.alphabet import classes
from digitseq.labels.base import LabelError, LabelFormat, StoredLabel, naming, numbered_files, numbers, read_text
from digitseq.pipeline import Batch


class Labels(LabelFormat):
    """See `LabelFormat`."""

    file_name: str = "images.txt"
    numbered = "%d.txt"
    summary_name: str = "data.yaml"
    summary_of_split = True
    has_texts = False
    numbers_classes = True

    def lines(self, batch: Batch) -> bytes:
        return b"".join(b"./%d.png\n" % i for i in numbers(batch))

    def files(self, batch: Batch, characters: str) -> list[bytes]:
        """A line `class x y w h` for each glyph: the centre and size of its box relative to the image's size."""
        x, y, w, h = np.moveaxis(batch.boxes.astype(np.float64), 2, 0)
        width, height = batch.width[:, None], batch.images.shape[1]
        shares = np.stack([(x + w / 2) / width, (y + h / 2) / height, w / width, h / height], axis=2).tolist()
        class_of, made = classes(characters), []
        for text, boxes in zip(batch.texts, shares):
            lines = (b"%d %.6f %.6f %.6f %.6f\n" % (class_of[c], *b) for c, b in zip(text, boxes) if b[2])
            made.append(b"".join(lines))
        return made

    def summary(self, lines: IO[bytes], characters: str) -> Iterator[bytes]:
        yield _data_yaml({"train": self.file_name, "val": self.file_name}, characters)

    def split_summary(self, parts: list[str], characters: str) -> bytes:
        # trainers insist on both; val must not be test, so the images of training stand in for a part that has none
        lists = {part: f"{part}/{self.file_name}" for part in parts}
        stand_in = lists.get("train", lists[parts[0]])
        return _data_yaml({"train": stand_in, "val": stand_in} | lists, characters)

    def listed_classes(self, summary: Path) -> str:
        return "".join(_names(summary).values())

    def refusal(self, folder: Path) -> str | None:
        # as trainers do: /a/images/b/1.png has its labels in /a/labels/b/1.txt
        return (
            "readers look for labels of images below images/ in labels/" if "images" in folder.resolve().parts else None
        )

    def is_in(self, folder: Path) -> bool:
        return is_file(folder / self.file_name) and any(map(is_file, self._summaries(folder)))

    def _summaries(self, folder: Path) -> list[Path]:
        """Where the names of the classes are: in the folder or, where it is part of a split, above it."""
        return [folder / self.summary_name, folder.absolute().parent / self.summary_name]

    def read(self, folder: Path) -> Iterator[StoredLabel]:
        summary = next(filter(is_file, self._summaries(folder)))
        with naming(self.summary_name):
            names = _names(summary)
        for number, path in numbered_files(folder, "%d.txt"):
            with naming(path.name):
                rows = [line.split() for line in read_text(path).splitlines()]
                boxes = [[float(value) for value in row[1:]] for row in rows]
            if unknown := [row[0] for row in rows if row[0] not in names]:
                raise LabelError(f"{path.name}: {self.summary_name} has no class {unknown[0]}")
            yield StoredLabel(f"{number}.png", None, boxes, [names[row[0]] for row in rows], relative=True)


def _names(summary: Path) -> dict[str, str]:
    """The names of the classes in data.yaml by their numbers, in the order of the file."""
    listed = re.findall(r"^  (\d+): (.+)$", read_text(summary), re.MULTILINE)
    return {number: json.loads(name) for number, name in listed}


def _data_yaml(lists: dict[str, str], characters: str) -> bytes:
    names = "".join(f"  {i}: {json.dumps(c)}\n" for i, c in enumerate(characters))
    return ("".join(f"{part}: {name}\n" for part, name in lists.items()) + f"names:\n{names}").encode()
