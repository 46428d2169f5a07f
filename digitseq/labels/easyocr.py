"""labels.csv of EasyOCR: `filename,words`."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from digitseq.files.regular import open_text
from digitseq.labels.base import LabelFormat, StoredLabel, numbers
from digitseq.pipeline import Batch


class Labels(LabelFormat):
    """See `LabelFormat`."""

    file_name = "labels.csv"
    first_line = b"filename,words\n"

    def lines(self, batch: Batch) -> bytes:
        return b"".join(b"%d.png,%b\n" % (i, _quoted(text).encode()) for i, text in zip(numbers(batch), batch.texts))

    def read(self, folder: Path) -> Iterator[StoredLabel]:
        with open_text(folder / "labels.csv", newline="") as lines:
            for row in csv.DictReader(lines):
                yield StoredLabel(row["filename"], row["words"])


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text
