"""Single images of fixed texts: those that are requested at the same moment are made in one batch.

An image alone costs five times as much as one among others. Different seeds, and texts of the same length, share a
batch; each image is the one that its own pipeline makes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from digitseq.formats.png_encoder import encode_png
from digitseq.pipeline import Pipeline
from digitseq.random_streams import Rows
from digitseq.service.batch_queue import BatchQueue, ImageRequest
from digitseq.service.seeds import SeededRows
from digitseq.sources import encode

Files = list[bytes | Exception]
GATHER = 0.0015  # seconds in which clients that have just got an image ask for the next one


class MicroBatcher:
    """Makes batches of images, for which client addresses take turns. Lives in one event loop.

    threads: 0 makes batches in the event loop itself: for images that take less time than to wake a thread
    """

    def __init__(self, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, "digitseq-batches") if threads else None
        self._threads, self._queue = threads, BatchQueue()
        self._served: set[str] = set()  # addresses whose batch is made in a thread: one of each at a time
        self._scheduled = False
        self._gathering: str | None = None  # the address whose next batch is waited for
        self._loop: asyncio.AbstractEventLoop | None = None  # to ask for it takes a system call on Python 3.11

    async def image(self, pipeline: Pipeline, text: str, seed: int, index: int, address: str, key: Hashable) -> bytes:
        """The PNG file of one image. key: `batch_key` of pipeline and text.

        Not made if the task is cancelled before its batch.
        """
        loop = self._loop = self._loop or asyncio.get_running_loop()
        request = ImageRequest(pipeline, text, seed, index, loop.create_future())
        self._queue.add(address, key, request)
        if self._executor is None and self._queue.overtakes(address):
            self._make_next(join=False)  # not behind all that the event loop has read of another client
        elif self._gathering not in (None, address):
            self._begin(loop)  # nobody waits for the batch of another client
        else:
            self._schedule(loop)
        try:
            return await request.result
        except asyncio.CancelledError:
            self._queue.discard(address, key, request)
            raise

    def close(self) -> None:
        """End the threads; what still waits is not made."""
        self._queue = BatchQueue()
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        # begins when all requests that the event loop has read have joined the batch
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._begin, loop)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled, self._gathering = False, None
        if self._executor is None:
            self._make_next()
            if self._queue:
                self._schedule(loop)  # what has arrived meanwhile is read first
            return
        while len(self._served) < self._threads and (taken := self._queue.take(self._may_be_served)):
            # while it is made, further requests of the address gather for its next one
            address, requests = taken
            self._served.add(address)
            made = loop.run_in_executor(self._executor, files_of, requests)
            made.add_done_callback(partial(self._end, loop, address, requests))

    def _make_next(self, join: bool = True) -> None:
        if taken := self._queue.take(lambda address: True, join):
            deliver(taken[1], files_of(taken[1]))

    def _may_be_served(self, address: str) -> bool:
        return address not in self._served

    def _end(
        self,
        loop: asyncio.AbstractEventLoop,
        address: str,
        requests: list[ImageRequest],
        made: asyncio.Future[Files],
    ) -> None:
        self._served.discard(address)
        if not made.cancelled():
            deliver(requests, made.result())
            if len(requests) > 1 and not self._scheduled:
                # half a batch takes almost as long as a whole one
                self._scheduled, self._gathering = True, address
                loop.call_later(GATHER, self._begin, loop)
            else:
                self._schedule(loop)


def batch_key(pipeline: Pipeline, text: str) -> Hashable:
    """What all requests of a batch share: the look, gaps, and the length of the text."""
    return pipeline.renderer, pipeline.gaps, len(text)


def deliver(requests: list[ImageRequest], files: Files) -> None:
    """Give each of `requests` its file, or the reason why there is none."""
    for request, file in zip(requests, files):
        if request.result.done():  # cancelled while its batch was made
            continue
        if isinstance(file, Exception):
            request.result.set_exception(file)
        else:
            request.result.set_result(file)


def files_of(requests: list[ImageRequest]) -> Files:
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
    first, rows = requests[0], Rows(requests[0].seed, np.array([requests[0].index], np.int64))
    if len(requests) > 1:
        # Each row takes its random numbers from the tables of its own seed: an image does not depend on the others.
        indices = np.array([request.index for request in requests], np.int64)
        rows = SeededRows(0, indices, seeds=np.array([request.seed for request in requests], np.uint64))
    batch = first.pipeline.batch_of(rows, encode([request.text for request in requests], len(first.text)))
    return encode_png(batch.images, batch.width)


def one_image(pipeline: Pipeline, index: int) -> tuple[str, bytes]:
    """Text and PNG file of image `index`, from 0."""
    batch = pipeline.batch(index, index + 1)
    return batch.texts[0], encode_png(batch.images, batch.width)[0]
