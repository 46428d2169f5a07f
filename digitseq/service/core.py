"""What the routes of one app share, and how it starts and ends."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.types import Receive

from digitseq.service.cancelling import until_gone
from digitseq.service.limits import Limits
from digitseq.service.maker import InThisProcess, Maker
from digitseq.service.metrics import Metrics
from digitseq.service.options_listing import catalogue
from digitseq.service.pen_lines import PenLines
from digitseq.service.pipeline_cache import PipelineCache
from digitseq.service.requests import RequestValues, settings_within
from digitseq.service.scheduler import Scheduler, WorkQueue
from digitseq.service.worker_processes import WorkerProcesses
from digitseq.service.worker_threads import WorkerThreads

# How long a thread that makes something may keep the event loop waiting.
SWITCH_SECONDS = 0.0001


class Service:
    """What the endpoints of one app share.

    settings: as of `settings_within`
    threads: for what is found out in this process; making: has processes or threads make what is asked for
    """

    making: InThisProcess | WorkerProcesses

    def __init__(self, limits: Limits, cache: str | None, processes: bool) -> None:
        self.limits = limits
        self.metrics = Metrics()
        self.pipeline_cache = PipelineCache(limits, cache)
        self.work = Scheduler(limits)
        self._lines = PenLines(cache, self.work.max_wait, self.work.early)
        self.settings = settings_within(limits)
        # as many as can be busy: for single images, batches of them, and samples; and one for each data set
        most = 4 * limits.concurrency + limits.max_streams
        self.threads = WorkerThreads(most, self.metrics.working)
        if processes:
            self.making = WorkerProcesses(limits, cache, 2 * limits.concurrency, most, self.metrics.working)
        else:
            self.making = InThisProcess(Maker(limits, self.pipeline_cache), self.threads)
        self.catalogue = catalogue(limits, self.pipeline_cache.sets, self.settings)
        self._draining: asyncio.Task[None] | None = None

    async def await_lines(self, asked: RequestValues, queue: WorkQueue, receive: Receive, address: str) -> None:
        """Wait until the centre lines are found that a pen needs, if there is one.

        Raises as `PipelineCache.settings` and `PenLines.wait`, and `Problem` 503 when the client goes.
        """
        if "style" in asked.values:
            with until_gone(receive):
                async with queue.turn(address):
                    settings = await self.threads.call(lambda check: self.pipeline_cache.settings(asked))
                await self._lines.wait(settings, queue)

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """Opens the bank before the first request; ends processes and threads after the last."""
        # meanwhile: whoever asks before it is there waits for it
        starting = asyncio.ensure_future(self.making.start())
        before = sys.getswitchinterval()
        try:
            await self.threads.call(lambda check: self.pipeline_cache.open())
            gc.freeze()  # what has been imported stays: looking through it now and then would keep requests waiting
            self._drain_on_sigterm()
            sys.setswitchinterval(SWITCH_SECONDS)
            yield
        finally:
            sys.setswitchinterval(before)
            gc.unfreeze()
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            await self.making.close()
            await self.threads.close()

    def _drain_on_sigterm(self) -> None:
        """Let answers under way finish, and refuse new ones with 503, before the server stops listening."""
        handler = signal.getsignal(signal.SIGTERM)
        if threading.current_thread() is not threading.main_thread() or not callable(handler):
            return
        stop = _stopping(handler)
        loop = asyncio.get_running_loop()

        # uvicorn stops listening at SIGTERM, so that clients would see refused connections while answers are finished.
        async def drain(number: int, frame: Any) -> None:
            self.work.drain()
            for _ in range(10 * self.limits.drain_seconds):
                if not self.work.under_way:
                    break
                await asyncio.sleep(0.1)
            stop(number, frame)

        def begin(number: int, frame: Any) -> None:
            self._draining = self._draining or loop.create_task(drain(number, frame))

        signal.signal(signal.SIGTERM, lambda number, frame: loop.call_soon_threadsafe(begin, number, frame))


def _stopping(handler: Callable[[int, Any], Any]) -> Callable[[int, Any], Any]:
    """What stops the server whose signal handler this is.

    At the end of its own handler's work uvicorn sends itself the signal again, which would end a process before what
    `multiprocessing` keeps in files is removed.
    """
    server = getattr(handler, "__self__", None)
    return handler if not hasattr(server, "should_exit") else lambda number, frame: setattr(server, "should_exit", True)
