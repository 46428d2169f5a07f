"""annotations.json of COCO's object detection: `bbox` [x, y, w, h], ids from 1."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from digitseq.files.regular import open_regular, open_text
from digitseq.glyphs.alphabet import classes
from digitseq.labels.base import LabelFormat, StoredLabel, numbers
from digitseq.labels.objects import objects
from digitseq.pipeline import Batch


class Labels(LabelFormat):
    """See `LabelFormat`. The file is one JSON object, which cannot be appended to: it is made from lines of JSON."""

    file_name = ".annotations.jsonl"
    summary_name = "annotations.json"
    numbers_classes = True

    def lines(self, batch: Batch) -> bytes:
        head = f'"id": %d, "width": %d, "height": {batch.images.shape[1]}, '
        return objects(batch, head, np.column_stack([numbers(batch), batch.width]))

    def summary(self, lines: IO[bytes], characters: str) -> Iterator[bytes]:
        return (piece.encode() for piece in _annotations(lines, characters))

    def listed_classes(self, summary: Path) -> str:
        with open_regular(summary) as file:
            return "".join(_names(file.readline().decode()).values())

    def read(self, folder: Path) -> Iterator[StoredLabel]:
        """Reads a file that this program wrote: an object a line, images and annotations in the same order."""
        path = folder / self.summary_name
        with open_text(path) as images, open_text(path) as annotations:
            names = _names(next(images))
            groups = itertools.groupby(_listed(annotations, "annotations"), lambda row: row["image_id"])
            annotated, rows = next(groups, (None, iter(())))
            for image in _listed(images, "images"):
                found: list[dict[str, Any]] = []
                if image["id"] == annotated:
                    found = list(rows)
                    annotated, rows = next(groups, (None, iter(())))
                boxes, characters = [row["bbox"] for row in found], [names[row["category_id"]] for row in found]
                yield StoredLabel(image["file_name"], image["text"], boxes, characters)
            if annotated is not None:
                raise ValueError(f"{self.summary_name} has annotations of image {annotated}, which it does not list")


def _names(head: str) -> dict[int, str]:
    """The names of the categories by their ids. head: the first line of the file."""
    categories, _ = json.JSONDecoder().raw_decode(head, head.index("["))
    return {category["id"]: category["name"] for category in categories}


def _listed(lines: IO[str], name: str) -> Iterator[dict[str, Any]]:
    """The objects of the list `name`, one line each, without loading the whole file."""
    begin = f'"{name}": ['
    rows = (line.removeprefix(begin) for line in itertools.dropwhile(lambda line: not line.startswith(begin), lines))
    for row in itertools.takewhile(lambda row: row.startswith("{"), rows):
        yield json.JSONDecoder().raw_decode(row)[0]


def _annotations(lines: IO[bytes], characters: str) -> Iterator[str]:
    category = {c: i + 1 for c, i in classes(characters).items()}
    listed = [{"id": category[c], "name": c, "supercategory": "character"} for c in characters]
    yield '{"categories": ' + json.dumps(listed) + ',\n"images": ['
    for place, row in enumerate(_rows(lines)):
        yield ",\n" * bool(place) + json.dumps(
            {"id": row["id"], "file_name": f"{row['id']}.png"} | {k: row[k] for k in ("width", "height", "text")}
        )
    yield '],\n"annotations": ['
    number = 0
    for row in _rows(lines):  # once more: all annotations come after all images, and would not fit in memory
        for character, box in zip(row["objects"]["categories"], row["objects"]["bbox"]):
            if box[2]:
                number += 1
                annotation = {"id": number, "image_id": row["id"], "category_id": category[character]}
                annotation |= {"bbox": box, "area": box[2] * box[3], "iscrowd": 0}
                yield ",\n" * (number > 1) + json.dumps(annotation)
    yield "]}\n"


def _rows(lines: IO[bytes]) -> Iterator[dict[str, Any]]:
    lines.seek(0)
    return map(json.loads, lines)
