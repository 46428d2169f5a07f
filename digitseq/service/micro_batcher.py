"""Single images of fixed texts: those that are requested at the same moment are made in one batch.

An image alone costs three times as much as one among others. Different seeds, and texts of the same length, share a
batch; each image is the one that its own pipeline makes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from digitseq.formats.png_encoder import encode_png
from digitseq.pipeline import Pipeline
from digitseq.service.seeds import SeededRows
from digitseq.sources import encode

MAX_BATCH = 32  # images: more gain little, and who comes next waits for the end of the batch


@dataclass(frozen=True)
class ImageRequest:
    """One image: number `index` from 0 of `pipeline` under `seed`; `result` gets the PNG file."""

    pipeline: Pipeline
    seed: int
    index: int
    result: asyncio.Future[bytes]


class MicroBatcher:
    """Makes batches of images in one thread. Lives in one event loop."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "digitseq-batches")
        self._waiting: dict[Hashable, list[ImageRequest]] = {}  # by batch key; the first one is next
        self._work: asyncio.Task[None] | None = None

    def submit(self, pipeline: Pipeline, seed: int, index: int) -> asyncio.Future[bytes]:
        """The PNG file of one image. Not made if the future is cancelled before its batch."""
        loop = asyncio.get_running_loop()
        request = ImageRequest(pipeline, seed, index, loop.create_future())
        self._waiting.setdefault(batch_key(pipeline), []).append(request)
        if self._work is None or self._work.done():
            self._work = loop.create_task(self._make_all())  # begins when requests of this turn have joined the batch
        return request.result

    def close(self) -> None:
        """End the thread; what still waits is not made."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _make_all(self) -> None:
        # One batch at a time: while it is made, further requests gather for the next one.
        while self._waiting:
            requests = self._next()
            files = await asyncio.get_running_loop().run_in_executor(self._thread, files_of, requests)
            for request, file in zip(requests, files):
                if request.result.done():  # cancelled while its batch was made
                    continue
                if isinstance(file, Exception):
                    request.result.set_exception(file)
                else:
                    request.result.set_result(file)

    def _next(self) -> list[ImageRequest]:
        key = next(iter(self._waiting))
        waiting = [request for request in self._waiting.pop(key) if not request.result.done()]  # cancelled meanwhile
        most = min(MAX_BATCH, waiting[0].pipeline.batch_size) if waiting else 0
        if waiting[most:]:
            self._waiting[key] = waiting[most:]  # behind all others: a dict keeps the order of insertion
        return waiting[:most]


def batch_key(pipeline: Pipeline) -> Hashable:
    """What all requests of a batch share: the look, gaps, and the length of the text."""
    return pipeline.renderer, pipeline.gaps, len(text_of(pipeline))


def text_of(pipeline: Pipeline) -> str:
    """The text that all images of `pipeline` have."""
    assert pipeline.settings.number is not None
    return pipeline.settings.number


def files_of(requests: list[ImageRequest]) -> list[bytes | Exception]:
    """The PNG files of requests with the same batch key, in order, or why one cannot be made."""
    try:
        return [*images_of(requests)]
    except Exception as error:
        if len(requests) == 1:
            return [error]
        # one by one: nobody gets the error of another client's image
        return [file for request in requests for file in files_of([request])]


def images_of(requests: list[ImageRequest]) -> list[bytes]:
    """The PNG files of requests with the same batch key, in order."""
    first = requests[0]
    if len(requests) == 1:
        return [one_image(first.pipeline.reseeded(first.seed), first.index)[1]]
    # Each row takes its random numbers from the tables of its own seed, so an image does not depend on the others.
    indices = np.array([request.index for request in requests], np.int64)
    seeds = np.array([request.seed for request in requests], np.uint64)
    texts = [text_of(request.pipeline) for request in requests]
    batch = first.pipeline.batch_of(SeededRows(0, indices, seeds=seeds), encode(texts, len(texts[0])))
    return encode_png(batch.images, batch.width)


def one_image(pipeline: Pipeline, index: int) -> tuple[str, bytes]:
    """Text and PNG file of image `index`, from 0."""
    batch = pipeline.batch(index, index + 1)
    return batch.texts[0], encode_png(batch.images, batch.width)[0]
