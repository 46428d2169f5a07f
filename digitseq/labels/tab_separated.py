"""gt.txt of PaddleOCR and deep-text-recognition-benchmark: `path<TAB>text`."""

from __future__ import annotations

from digitseq.labels.base import LabelFormat, numbers
from digitseq.pipeline import Batch


class Labels(LabelFormat):
    """See `LabelFormat`."""

    file_name = "gt.txt"

    def lines(self, batch: Batch) -> bytes:
        return b"".join(b"%d.png\t%b\n" % (i, text.encode()) for i, text in zip(numbers(batch), batch.texts))
