"""1.gt.txt, 2.gt.txt, … of Tesseract's training: each the text of one image."""

from __future__ import annotations

from digitseq.labels.base import LabelFormat
from digitseq.pipeline import Batch


class Labels(LabelFormat):
    """See `LabelFormat`."""

    numbered = "%d.gt.txt"

    def files(self, batch: Batch, characters: str) -> list[bytes]:
        return [text.encode() + b"\n" for text in batch.texts]
