"""Single images of fixed texts: those that are asked for at the same moment are made together.

An image alone costs three times as much as one among others. Rows of different seeds, and texts of the same
length, share a round; each image is the one that its own pipeline makes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from digitseq.augment import Compose
from digitseq.composer import Ink, Layout
from digitseq.pipeline import Pipeline
from digitseq.png import encode_png
from digitseq.service.seeds import SeededRows
from digitseq.settings import Settings
from digitseq.sources import encode
from digitseq.sources.base import Codes
from digitseq.streams import Rows

MOST = 32  # images a round
Pixels = NDArray[np.uint8]
Placed = NDArray[np.int64]


class _Round(Pipeline):
    """A pipeline whose images have a text, a seed and a number each."""

    def __init__(self, like: Pipeline, texts: list[str], rows: SeededRows) -> None:
        self.__dict__.update(like.__dict__)
        self.source = _Texts(texts)
        self._rows = rows
        if like._augment is not None:
            self._augment = _Distortions(like._augment, rows)  # type: ignore[assignment]  # all that `batch` uses

    def _draw_fitting(self, rows: Rows, codes: Codes, classes: NDArray[np.int64]) -> tuple[Ink, Layout]:
        return super()._draw_fitting(self._rows, codes, classes)


@dataclass(frozen=True)
class _Distortions:
    """The distortions of a pipeline, with parameters of `rows` whichever rows are asked for."""

    compose: Compose
    rows: SeededRows

    def warp(self, ink: Ink, x: Placed, width: Placed, size: tuple[int, int], _: Rows) -> tuple[Ink, Placed]:
        return self.compose.warp(ink, x, width, size, self.rows)

    def paint(
        self, pixels: Pixels, width: Placed, boxes: Placed, inverted: bool, size: tuple[int, int], _: Rows
    ) -> Pixels:
        return self.compose.paint(pixels, width, boxes, inverted, size, self.rows)


@dataclass(frozen=True)
class _Texts:
    """A source: text b for row b, all of the same length."""

    texts: list[str]
    count = None

    @property
    def max_length(self) -> int:
        return len(self.texts[0])

    @property
    def characters(self) -> frozenset[str]:
        return frozenset("".join(self.texts))

    def longest(self) -> str:
        return self.texts[0]

    def codes(self, rows: Rows) -> Codes:
        return encode(self.texts, self.max_length)


@dataclass(frozen=True)
class Wanted:
    """One image: number `index` from 0 of `pipeline` under `seed`; `answer` gets the PNG file."""

    pipeline: Pipeline
    seed: int
    index: int
    answer: asyncio.Future[bytes]

    def alike(self) -> Hashable:
        """What must be the same in a round."""
        return _kind(self.pipeline)


@lru_cache(maxsize=256)
def _kind(pipeline: Pipeline) -> Settings:
    """The settings without the text, where texts of this length are alike."""
    settings, text = pipeline.settings, text_of(pipeline)
    if not set(text) <= set(pipeline.bank.characters):
        return settings  # gaps: other texts may have none
    return replace(settings, number=pipeline.bank.characters[0] * len(text))


def text_of(pipeline: Pipeline) -> str:
    """The text that all images of `pipeline` have."""
    assert pipeline.settings.number is not None
    return pipeline.settings.number


def images_of(wanted: list[Wanted]) -> list[bytes]:
    """The PNG files of images that are alike, in order."""
    index = np.array([one.index for one in wanted], np.int64)
    rows = SeededRows(0, index, seeds=tuple(one.seed for one in wanted))
    texts = [text_of(one.pipeline) for one in wanted]
    batch = _Round(wanted[0].pipeline, texts, rows).batch(0, len(wanted))
    return encode_png(batch.images, batch.width)


class Rounds:
    """Makes rounds of images in a thread, one after the other. Lives in one event loop."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "digitseq-rounds")
        self._queue: deque[Wanted] = deque()
        self._busy = False

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
        try:
            files: list[bytes] | Exception = images_of(chosen)
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
        most = min(MOST, first.batch_size)
        chosen: list[Wanted] = []
        left: deque[Wanted] = deque()
        for one in self._queue:
            fits = len(chosen) < most and (one.pipeline is first or one.alike() == kind)
            (chosen if fits else left).append(one)
        self._queue = left
        return chosen
