"""Single images of fixed texts: those that are requested at the same moment are made in one batch.

An image alone costs three times as much as one among others. Different seeds, and texts of the same length, share a
batch; each image is the one that its own pipeline makes.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from digitseq.formats.png_encoder import encode_png
from digitseq.pipeline import Pipeline
from digitseq.service.seeds import SeededRows
from digitseq.sources import encode

MAX_BATCH = 32  # images
STEP_SECONDS = 0.05  # about the longest time for a batch: who comes next waits for its end


@dataclass(frozen=True)
class ImageRequest:
    """One image: number `index` from 0 of `pipeline` under `seed`; `result` gets the PNG file."""

    pipeline: Pipeline
    seed: int
    index: int
    result: asyncio.Future[bytes]

    def batch_key(self) -> Hashable:
        """What all requests of a batch share: bank, appearance, gaps, and the length of the text."""
        renderer = self.pipeline.renderer
        return id(renderer.bank), renderer.appearance, len(text_of(self.pipeline)), self.pipeline.gaps


def text_of(pipeline: Pipeline) -> str:
    """The text that all images of `pipeline` have."""
    assert pipeline.settings.number is not None
    return pipeline.settings.number


def images_of(requests: list[ImageRequest]) -> list[bytes]:
    """The PNG files of requests with the same batch key, in order."""
    # Each row takes its random numbers from the tables of its own seed, so an image does not depend on the others.
    index = np.array([one.index for one in requests], np.int64)
    rows = SeededRows(0, index, seeds=tuple(one.seed for one in requests))
    texts = [text_of(one.pipeline) for one in requests]
    batch = requests[0].pipeline.batch_of(rows, encode(texts, len(texts[0])))
    return encode_png(batch.images, batch.width)


class BatchSize:
    """How many images to make at once: as many as take about `STEP_SECONDS`, at most `most`."""

    def __init__(self, most: int) -> None:
        self._most, self.images = most, most

    def took(self, images: int, seconds: float) -> None:
        """Adapt to a step of `images` that took `seconds`."""
        if seconds > STEP_SECONDS:
            self.images = max(1, images // 2)
        elif images >= self.images and seconds < STEP_SECONDS / 3:
            self.images = min(2 * images, self._most)


class MicroBatcher:
    """Makes batches of images in one thread. Lives in one event loop."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "digitseq-batches")
        self._waiting: dict[str, deque[ImageRequest]] = {}  # by client address; the first one is next
        self._busy = False
        self._size = BatchSize(MAX_BATCH)

    def submit(self, pipeline: Pipeline, seed: int, index: int, address: str = "") -> asyncio.Future[bytes]:
        """The PNG file of one image. Not made if the future is cancelled before its batch.

        Client addresses take turns: none waits until another's queue is empty.
        """
        loop = asyncio.get_running_loop()
        result: asyncio.Future[bytes] = loop.create_future()
        self._waiting.setdefault(address, deque()).append(ImageRequest(pipeline, seed, index, result))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._start, loop)  # so that requests of this turn of the loop join the batch
        return result

    def close(self) -> None:
        """End the thread; what still waits is not made."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        # One batch at a time: while it is made, further requests gather for the next one.
        chosen = self._next()
        self._busy = bool(chosen)
        if chosen:
            self._thread.submit(self._make, loop, chosen)

    def _make(self, loop: asyncio.AbstractEventLoop, chosen: list[ImageRequest]) -> None:
        began = time.perf_counter()
        made: list[bytes | Exception]
        try:
            made = [*images_of(chosen)]
            self._size.took(len(chosen), time.perf_counter() - began)
        except Exception:
            made = [_alone(one) for one in chosen]  # nobody gets the error of another client's image
        loop.call_soon_threadsafe(self._deliver, loop, chosen, made)

    def _deliver(
        self, loop: asyncio.AbstractEventLoop, chosen: list[ImageRequest], made: list[bytes | Exception]
    ) -> None:
        for one, file in zip(chosen, made):
            if one.result.done():  # cancelled while its batch was made
                continue
            if isinstance(file, Exception):
                one.result.set_exception(file)
            else:
                one.result.set_result(file)
        loop.call_soon(self._start, loop)

    def _next(self) -> list[ImageRequest]:
        """Requests with the batch key of the oldest request of the address whose turn it is."""
        for address, queue in list(self._waiting.items()):
            while queue and queue[0].result.done():  # cancelled while it waited
                queue.popleft()
            if not queue:
                del self._waiting[address]
        if not self._waiting:
            return []
        address = next(iter(self._waiting))
        turn = self._waiting.pop(address)
        first, key = turn[0].pipeline, turn[0].batch_key()
        most = min(self._size.images, first.batch_size)
        chosen: list[ImageRequest] = []
        # requests of other addresses fill the batch up: they cost little more
        for name, queue in [(address, turn), *self._waiting.items()]:
            left: deque[ImageRequest] = deque()
            for one in queue:
                fits = len(chosen) < most and (one.pipeline is first or one.batch_key() == key)
                (chosen if fits else left).append(one)
            self._waiting[name] = left
        self._waiting[address] = self._waiting.pop(address)  # behind all others
        return chosen


def _alone(one: ImageRequest) -> bytes | Exception:
    try:
        return images_of([one])[0]
    except Exception as error:
        return error
