"""metadata.jsonl of Hugging Face's ImageFolder: `file_name`, `text`, and `objects` with `bbox` and `categories`."""

from __future__ import annotations

import numpy as np

from digitseq.labels.base import LabelFormat, numbers
from digitseq.labels.objects import objects
from digitseq.pipeline import Batch


class Labels(LabelFormat):
    """See `LabelFormat`."""

    file_name = "metadata.jsonl"

    def lines(self, batch: Batch) -> bytes:
        return objects(batch, '"file_name": "%d.png", ', np.array(numbers(batch))[:, None])
