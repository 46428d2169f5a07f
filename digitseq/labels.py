"""Label files: one line an image, in the format that `labels` names."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from digitseq.pipeline import Batch

FILE_NAMES = {"jsonl": "metadata.jsonl", "txt": "gt.txt"}


def label_lines(batch: Batch, labels: str) -> bytes:
    """A line for every image of `batch`, newline included; `labels` is "jsonl", "txt" or "none".

    jsonl follows Hugging Face's ImageFolder: `file_name`, `text`, and `objects` with a `bbox`
    [x, y, w, h] in pixels and a category for each glyph. txt is `path<TAB>text`.
    """
    if labels == "none":
        return b""
    if labels == "txt":
        return b"".join(b"%d.png\t%b\n" % (i, t.encode()) for i, t in enumerate(batch.texts, batch.start + 1))
    templates = {text: _template(text) for text in set(batch.texts)}
    number = np.arange(batch.start + 1, batch.start + 1 + len(batch))
    values = np.column_stack([number, batch.boxes.reshape(len(batch), -1)])
    used = np.arange(values.shape[1]) <= 4 * batch.length[:, None]
    # all lines by one formatting: a third of the time of one a line
    return b"".join([templates[text] for text in batch.texts]) % tuple(values[used].tolist())


def _template(text: str) -> bytes:
    """The line for `text` with places for the image number and the boxes' numbers."""
    box = ", ".join(["[%d, %d, %d, %d]"] * len(text))
    quoted = json.dumps(text).replace("%", "%%")
    categories = json.dumps(list(text)).replace("%", "%%")
    return (
        f'{{"file_name": "%d.png", "text": {quoted}, "objects": {{"bbox": [{box}], "categories": {categories}}}}}\n'
    ).encode()


class LabelFile:
    """The label file of a folder, which grows by whole lines only. With "none" it is nothing at all."""

    def __init__(self, folder: Path, labels: str) -> None:
        self.labels = labels
        self.path = folder / FILE_NAMES[labels] if labels != "none" else None

    def size(self) -> int:
        """Length in bytes."""
        return self.path.stat().st_size if self.path and self.path.exists() else 0

    def cut(self, size: int) -> None:
        """Shorten the file to `size` bytes."""
        if self.path and self.size() > size:
            os.truncate(self.path, size)

    def append(self, lines: bytes) -> None:
        """Add lines, all of them or none. Raises `OSError`."""
        if self.path is None:
            return
        with open(self.path, "ab", buffering=0) as file:
            size = file.tell()
            try:
                rest = memoryview(lines)
                while rest:
                    rest = rest[file.write(rest) :]
            except OSError:
                file.truncate(size)
                raise
