"""metadata.jsonl of Hugging Face's ImageFolder: `file_name`, `text`, and `objects` with `bbox` and `categories`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from digitseq.files.regular import open_regular
from digitseq.labels.base import LabelFormat, StoredLabel, naming, numbers
from digitseq.labels.objects import objects
from digitseq.pipeline import Batch


class Labels(LabelFormat):
    """See `LabelFormat`."""

    file_name = "metadata.jsonl"

    def lines(self, batch: Batch) -> bytes:
        # a column of this name is an image to ImageFolder, as `file_name` is
        head = '"file_name": "%d.png", ' + '"mask_file_name": "masks/%d.png", ' * (batch.masks is not None)
        return objects(batch, head, np.array(numbers(batch))[:, None].repeat(head.count("%d"), axis=1))

    def read(self, folder: Path) -> Iterator[StoredLabel]:
        with open_regular(folder / "metadata.jsonl") as lines:
            for number, line in enumerate(lines, 1):
                with naming(f"{self.file_name}, line {number}"):
                    label = _label(json.loads(line))
                yield label


def _label(row: dict[str, Any]) -> StoredLabel:
    found = row.get("objects") or {}
    boxes, characters = found.get("bbox"), found.get("categories")
    image, mask = row["file_name"], row.get("mask_file_name")
    if not (isinstance(image, str) and isinstance(mask, str | None)):
        raise TypeError("a file name is not a text")
    return StoredLabel(image, row["text"], boxes, characters, mask=mask)
