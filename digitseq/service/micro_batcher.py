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

from digitseq.formats.png_encoder import encode_png
from digitseq.pipeline import Pipeline
from digitseq.service.seeds import SeededRows
from digitseq.service.stoppable import Steps
from digitseq.sources import encode

MOST = 32  # images a round


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
        self._waiting: dict[str, deque[Wanted]] = {}  # by client address; the next turn is that of the first
        self._busy = False
        self._steps = Steps(MOST, MOST)

    def ask(self, pipeline: Pipeline, seed: int, index: int, address: str = "") -> asyncio.Future[bytes]:
        """The PNG file of one image, in time. A future that is cancelled before its round is not made.

        Client addresses take turns: none waits until another's queue is through.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()
        self._waiting.setdefault(address, deque()).append(Wanted(pipeline, seed, index, answer))
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
        made: list[bytes | Exception]
        try:
            made = [*images_of(chosen)]
            self._steps.took(len(chosen), time.perf_counter() - began)
        except Exception:
            made = [_alone(one) for one in chosen]  # each gets the error of its own image, and of no other client's
        loop.call_soon_threadsafe(self._deliver, loop, chosen, made)

    def _deliver(self, loop: asyncio.AbstractEventLoop, chosen: list[Wanted], made: list[bytes | Exception]) -> None:
        for one, file in zip(chosen, made):
            if one.answer.done():
                continue
            if isinstance(file, Exception):
                one.answer.set_exception(file)
            else:
                one.answer.set_result(file)
        loop.call_soon(self._begin, loop)

    def _next(self) -> list[Wanted]:
        """Images that are alike, the one that has waited longest of the address whose turn it is among them."""
        for address, queue in list(self._waiting.items()):
            while queue and queue[0].answer.done():
                queue.popleft()
            if not queue:
                del self._waiting[address]
        if not self._waiting:
            return []
        address = next(iter(self._waiting))
        turn = self._waiting.pop(address)
        first, kind = turn[0].pipeline, turn[0].alike()
        most = min(self._steps.images, first.batch_size)
        chosen: list[Wanted] = []
        for name, queue in [(address, turn), *self._waiting.items()]:
            left: deque[Wanted] = deque()
            for one in queue:
                fits = len(chosen) < most and (one.pipeline is first or one.alike() == kind)
                (chosen if fits else left).append(one)
            self._waiting[name] = left
        self._waiting[address] = self._waiting.pop(address)  # behind all others
        return chosen


def _alone(one: Wanted) -> bytes | Exception:
    try:
        return images_of([one])[0]
    except Exception as error:
        return error
