"""The centre lines that a pen follows, found in the background: no other request waits for them."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from concurrent.futures import Future
from functools import partial

from digitseq.pen import GLYPH
from digitseq.renderer.renderer_cache import load_lines
from digitseq.service.cancelling import deadline
from digitseq.service.problems import Problem
from digitseq.service.scheduler import WorkQueue
from digitseq.service.worker_threads import in_thread
from digitseq.settings import Settings

AFTER = 5  # seconds in which to ask again


class PenLines:
    """Finds the lines of each data set once, one set at a time. Lives in one event loop.

    What was begun is finished, whoever gives up waiting for it.
    cache: directory of the glyph banks; seconds: how long a request waits
    most: how many requests of one kind of work wait, others are told to ask again
    """

    def __init__(self, cache: str | None, seconds: float, most: int) -> None:
        self._cache, self._seconds, self._most = cache, seconds, most
        self._known: dict[tuple[str, str], Future[None]] = {}
        self._turn = threading.Lock()
        self._waiting: Counter[WorkQueue] = Counter()

    async def wait(self, settings: Settings, queue: WorkQueue) -> None:
        """Wait until the lines are found that `settings` need for work of `queue`; the first call has them found.

        Raises `Problem` 503 when that takes too long, and what finding them raises; the next call then begins anew.
        """
        if settings.style == GLYPH:
            return
        names = settings.dataset, settings.split
        found = self._known.get(names)
        if found is None or (found.done() and found.exception()):
            found = self._known[names] = in_thread(partial(self._find, settings), "digitseq-lines")
        detail = f"the centre lines of {' '.join(names)} are being found, once: this may take a minute, ask again"
        early = Problem(503, detail, Retry_After=str(AFTER))
        if self._waiting[queue] >= self._most and not found.done():
            raise early
        self._waiting[queue] += 1
        try:
            with deadline(self._seconds):
                await asyncio.wrap_future(found)
        except asyncio.TimeoutError:
            raise early from None
        finally:
            self._waiting[queue] -= 1

    def _find(self, settings: Settings) -> None:
        with self._turn:  # it takes all processors
            load_lines(settings, self._cache)
