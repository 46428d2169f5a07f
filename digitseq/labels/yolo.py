"""YOLO's object detection: 1.txt, 2.txt, … beside the images, data.yaml, and images.txt, the list of images."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from digitseq.glyphs.alphabet import classes
from digitseq.labels.base import LabelFormat, StoredLabel, numbered_files, numbers, read_text
from digitseq.pipeline import Batch


class Labels(LabelFormat):
    """See `LabelFormat`."""

    file_name = "images.txt"
    numbered = "%d.txt"
    summary_name = "data.yaml"
    has_texts = False

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
        names = "".join(f"  {i}: {json.dumps(c)}\n" for i, c in enumerate(characters))
        yield f"train: images.txt\nval: images.txt\nnames:\n{names}".encode()

    def read(self, folder: Path) -> Iterator[StoredLabel]:
        listed = re.findall(r"^  (\d+): (.+)$", read_text(folder / "data.yaml"), re.MULTILINE)
        names = {number: json.loads(name) for number, name in listed}
        for number, path in numbered_files(folder, "%d.txt"):
            rows = [line.split() for line in read_text(path).splitlines()]
            boxes = [[float(value) for value in row[1:]] for row in rows]
            yield StoredLabel(f"{number}.png", None, boxes, [names[row[0]] for row in rows], relative=True)
