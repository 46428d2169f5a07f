"""1.gt.txt, 2.gt.txt, … of Tesseract's training: each the text of one image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from digitseq.labels.base import LabelFormat, StoredLabel, naming, numbered_files, read_text
from digitseq.pipeline import Batch


class Labels(LabelFormat):
    """See `LabelFormat`."""

    numbered = "%d.gt.txt"

    def files(self, batch: Batch, characters: str) -> list[bytes]:
        return [text.encode() + b"\n" for text in batch.texts]

    def is_in(self, folder: Path) -> bool:
        return any(numbered_files(folder, "%d.gt.txt"))

    def read(self, folder: Path) -> Iterator[StoredLabel]:
        for number, path in numbered_files(folder, "%d.gt.txt"):
            with naming(path.name):
                text = read_text(path).removesuffix("\n")
            yield StoredLabel(f"{number}.png", text)
