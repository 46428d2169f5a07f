"""Single images of fixed texts: those that are asked for at the same moment are made together.

An image alone costs three times as much as one among others. Rows of different seeds, and texts of the same
length, share a round; each image is the one that its own pipeline makes.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitseq.formats.png_encoder import encode_png
from digitseq.pipeline import Pipeline
from digitseq.service.seeds import SeededRows
from digitseq.service.stoppable import Steps
from digitseq.sources import encode

MOST = 32  # images a round
Pixels = NDArray[np.uint8]
Placed = NDArray[np.int64]


@dataclass(frozen=True)
class Wanted:
    """One image: number `index` from 0 of `pipeline` under `seed`; `answer` gets the PNG file."""

    pipeline: Pipeline
    seed: int
    index: int
    answer: asyncio.Future[bytes]

    def alike(self) -> Hashable:
        """What must be the same in a round: bank, appearance, and the length of the text."""
        renderer = self.pipeline.renderer
        return id(renderer.bank), renderer.appearance, len(text_of(self.pipeline)), self.pipeline.gaps


def text_of(pipeline: Pipeline) -> str:
    """The text that all images of `pipeline` have."""
    assert pipeline.settings.number is not None
    return pipeline.settings.number


def images_of(wanted: list[Wanted]) -> list[bytes]:
    """The PNG files of images that are alike, in order."""
    index = np.array([one.index for one in wanted], np.int64)
    rows = SeededRows(0, index, seeds=tuple(one.seed for one in wanted))
    texts = [text_of(one.pipeline) for one in wanted]
    batch = wanted[0].pipeline.batch_of(0, rows, encode(texts, len(texts[0])))
    return encode_png(batch.images, batch.width)


class MicroBatcher:
    """Makes rounds of images in a thread, one after the other. Lives in one event loop."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "digitseq-rounds")
        self._queue: deque[Wanted] = deque()
        self._busy = False
        self._steps = Steps(MOST, MOST)

    def ask(self, pipeline: Pipeline, seed: int, index: int) -> asyncio.Future[bytes]:
        """The PNG file of one image, in time. A future that is cancelled before its round is not made."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()
        self._queue.append(Wanted(pipeline, seed, index, answer))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._begin, loop)  # after the requests that have just come in, too
        return answer

    def close(self) -> None:
        """End the thread; what waits is not made."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        chosen = self._next()
        self._busy = bool(chosen)
        if chosen:
            self._thread.submit(self._make, loop, chosen)

    def _make(self, loop: asyncio.AbstractEventLoop, chosen: list[Wanted]) -> None:
        began = time.perf_counter()
        try:
            files: list[bytes] | Exception = images_of(chosen)
            self._steps.took(len(chosen), time.perf_counter() - began)
        except Exception as error:
            files = error
        loop.call_soon_threadsafe(self._deliver, loop, chosen, files)

    def _deliver(self, loop: asyncio.AbstractEventLoop, chosen: list[Wanted], files: list[bytes] | Exception) -> None:
        for place, one in enumerate(chosen):
            if one.answer.done():
                continue
            if isinstance(files, Exception):
                one.answer.set_exception(files)
            else:
                one.answer.set_result(files[place])
        loop.call_soon(self._begin, loop)

    def _next(self) -> list[Wanted]:
        """Images that are alike, the one that has waited longest among them."""
        while self._queue and self._queue[0].answer.done():
            self._queue.popleft()
        if not self._queue:
            return []
        first, kind = self._queue[0].pipeline, self._queue[0].alike()
        most = min(self._steps.images, first.batch_size)
        chosen: list[Wanted] = []
        left: deque[Wanted] = deque()
        for one in self._queue:
            fits = len(chosen) < most and (one.pipeline is first or one.alike() == kind)
            (chosen if fits else left).append(one)
        self._queue = left
        return chosen
