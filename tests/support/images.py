"""Batches of images as operations get them."""

from __future__ import annotations

import numpy as np

from digitseq.augment.base import ImageOperation, Images
from digitseq.pipeline import Pipeline
from digitseq.random_streams import Rows


def images_of(pipeline: Pipeline, start: int = 0, stop: int = 7, inverted: bool = False) -> Images:
    """Plain images of a pipeline, as operations get them."""
    batch = pipeline.batch(start, stop)
    return Images(~batch.images if inverted else batch.images, batch.width, batch.boxes, inverted)


def run(
    operation: ImageOperation, images: Images, start: int = 0, size: tuple[int, int] | None = None, seed: int = 5
) -> Images:
    """Images that are those from `start` on, after an operation; size: of the largest image there can be."""
    size = size or images.pixels.shape[1:]
    rows = Rows.span(seed, start, start + len(images.pixels)).scoped(operation.name)
    return operation.apply(images, operation.draw(rows, size))


def picture(level: int, count: int = 40, height: int = 28, width: int = 200) -> Images:
    """Images of one grey level, without digits."""
    return Images(
        np.full((count, height, width), level, np.uint8), np.full(count, width), np.zeros((count, 1, 4), np.int64)
    )
