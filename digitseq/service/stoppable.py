"""A pipeline that stops within milliseconds when nobody waits for its images any more."""

from __future__ import annotations

import time

import numpy as np

from digitseq.pipeline import Batch, Pipeline
from digitseq.sources.base import Check

STEP_SECONDS = 0.05  # the longest time between two checks, about
FIRST_STEP = 8  # images


class BatchSize:
    """How many images to make at once: as many as take about `STEP_SECONDS`, at most `most`."""

    def __init__(self, most: int, first: int = FIRST_STEP) -> None:
        self._most, self.images = most, min(first, most)

    def took(self, images: int, seconds: float) -> None:
        """Adapt to a step of `images` that took `seconds`."""
        if seconds > STEP_SECONDS:
            self.images = max(1, images // 2)
        elif images >= self.images and seconds < STEP_SECONDS / 3:
            self.images = min(2 * images, self._most)


class StoppablePipeline(Pipeline):
    """A pipeline that makes a batch in steps and calls `check` before each of them."""

    check: Check
    _size: BatchSize

    def batch(self, start: int, stop: int) -> Batch:
        """As `Pipeline.batch`; raises what the check raises."""
        made: list[Batch] = []
        while start < stop:
            self.check()
            until, began = min(start + self._size.images, stop), time.perf_counter()
            made.append(super().batch(start, until))
            self._size.took(until - start, time.perf_counter() - began)
            start = until
        return made[0] if len(made) == 1 else _joined(made)


def stoppable(pipeline: Pipeline, check: Check) -> StoppablePipeline:
    """`pipeline`, calling `check` about every `STEP_SECONDS` while it makes images."""
    made = object.__new__(StoppablePipeline)
    made.__dict__ |= pipeline.__dict__ | {"check": check, "_size": BatchSize(pipeline.batch_size)}
    return made


def _joined(batches: list[Batch]) -> Batch:
    """Consecutive batches as one."""
    widest = max(batch.images.shape[2] for batch in batches)
    images = [np.pad(batch.images, ((0, 0), (0, 0), (0, widest - batch.images.shape[2]))) for batch in batches]
    return Batch(
        batches[0].start,
        np.concatenate(images),
        np.concatenate([batch.width for batch in batches]),
        [text for batch in batches for text in batch.texts],
        np.concatenate([batch.length for batch in batches]),
        np.concatenate([batch.classes for batch in batches]),
        np.concatenate([batch.boxes for batch in batches]),
    )
