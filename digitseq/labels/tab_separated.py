"""gt.txt of PaddleOCR and deep-text-recognition-benchmark: `path<TAB>text`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from digitseq.files.regular import open_text
from digitseq.labels.base import LabelFormat, StoredLabel, numbers
from digitseq.pipeline import Batch


class Labels(LabelFormat):
    """See `LabelFormat`."""

    file_name = "gt.txt"

    def lines(self, batch: Batch) -> bytes:
        return b"".join(b"%d.png\t%b\n" % (i, text.encode()) for i, text in zip(numbers(batch), batch.texts))

    def read(self, folder: Path) -> Iterator[StoredLabel]:
        with open_text(folder / "gt.txt", newline="\n") as lines:
            for line in lines:
                image, _, text = line.removesuffix("\n").partition("\t")
                yield StoredLabel(image, text)
