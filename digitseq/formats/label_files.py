"""Label files that are written anew at the end of each run, since nothing can be added at their end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from digitseq.alphabet import classes
from digitseq.atomic import replacing
from digitseq.labels import FILE_NAMES


def write_whole_files(folder: Path, labels: tuple[str, ...], characters: str, within: Path) -> None:
    """COCO's annotations.json and YOLO's data.yaml in `folder`, as far as `labels` name them. Raises `OSError`.

    characters: the classes, in order; within: where they are written before they get their names
    """
    if "coco" in labels and (folder / FILE_NAMES["coco"]).exists():
        with replacing(folder / "annotations.json", within) as file:
            file.writelines(piece.encode() for piece in _coco(folder / FILE_NAMES["coco"], characters))
    if "yolo" in labels:
        names = "".join(f"  {i}: {json.dumps(c)}\n" for i, c in enumerate(characters))
        with replacing(folder / "data.yaml", within) as file:
            file.write(f"train: images.txt\nval: images.txt\nnames:\n{names}".encode())


def _coco(path: Path, characters: str) -> Iterator[str]:
    """COCO's object detection file, piece by piece, out of the lines in `path`."""
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
