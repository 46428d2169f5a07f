"""metadata.jsonl of Hugging Face's ImageFolder: `file_name`, `text`, and `objects` with `bbox` and `categories`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from digitseq.labels.base import LabelFormat, StoredLabel, numbers
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
        with open(folder / "metadata.jsonl", "rb") as lines:
            for row in map(json.loads, lines):
                found = row.get("objects") or {}
                yield StoredLabel(row["file_name"], row["text"], found.get("bbox"), found.get("categories"))
