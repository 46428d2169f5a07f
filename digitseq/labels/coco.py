"""annotations.json of COCO's object detection: `bbox` [x, y, w, h], ids from 1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from digitseq.files.atomic import replacing
from digitseq.glyphs.alphabet import classes
from digitseq.labels.base import LabelFormat, numbers
from digitseq.labels.objects import objects
from digitseq.pipeline import Batch


class Labels(LabelFormat):
    """See `LabelFormat`. The file is one JSON object, to which nothing can be added: it is made of lines of ours."""

    file_name = ".annotations.jsonl"

    def lines(self, batch: Batch) -> bytes:
        head = f'"id": %d, "width": %d, "height": {batch.images.shape[1]}, '
        return objects(batch, head, np.column_stack([numbers(batch), batch.width]))

    def finish(self, folder: Path, characters: str, within: Path) -> None:
        if (folder / self.file_name).exists():
            with replacing(folder / "annotations.json", within) as file:
                file.writelines(piece.encode() for piece in _pieces(folder / self.file_name, characters))


def _pieces(path: Path, characters: str) -> Iterator[str]:
    """The file, piece by piece, out of the lines in `path`."""
    category = {c: i + 1 for c, i in classes(characters).items()}
    listed = [{"id": category[c], "name": c, "supercategory": "character"} for c in characters]
    yield '{"categories": ' + json.dumps(listed) + ',\n"images": ['
    for place, row in enumerate(_rows(path)):
        yield ",\n" * bool(place) + json.dumps(
            {"id": row["id"], "file_name": f"{row['id']}.png"} | {k: row[k] for k in ("width", "height", "text")}
        )
    yield '],\n"annotations": ['
    number = 0
    for row in _rows(path):
        for character, box in zip(row["objects"]["categories"], row["objects"]["bbox"]):
            if box[2]:
                number += 1
                annotation = {"id": number, "image_id": row["id"], "category_id": category[character]}
                annotation |= {"bbox": box, "area": box[2] * box[3], "iscrowd": 0}
                yield ",\n" * (number > 1) + json.dumps(annotation)
    yield "]}\n"


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with open(path, "rb") as file:
        yield from map(json.loads, file)
