"""annotations.json of COCO's object detection: `bbox` [x, y, w, h], ids from 1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from digitseq.glyphs.alphabet import classes
from digitseq.labels.base import LabelFormat, numbers
from digitseq.labels.objects import objects
from digitseq.pipeline import Batch


class Labels(LabelFormat):
    """See `LabelFormat`. The file is one JSON object, which cannot be appended to: it is made from lines of JSON."""

    file_name = ".annotations.jsonl"
    summary_name = "annotations.json"

    def lines(self, batch: Batch) -> bytes:
        head = f'"id": %d, "width": %d, "height": {batch.images.shape[1]}, '
        return objects(batch, head, np.column_stack([numbers(batch), batch.width]))

    def summary(self, lines: IO[bytes], characters: str) -> Iterator[bytes]:
        return (piece.encode() for piece in _annotations(lines, characters))


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
