"""Single images of fixed texts: those that are requested at the same moment are made in one batch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Generic, TypeVar

from digitseq.service.batch_queue import BatchQueue, ImageRequest
from digitseq.service.batches import Wanted
from digitseq.service.worker_threads import when_made

L = TypeVar("L")
T = TypeVar("T")
GATHER = 0.0015  # seconds in which clients that have just got an image ask for the next one


class MicroBatcher(Generic[L, T]):
    """Makes batches of images, for which client addresses take turns. Lives in one event loop.

    threads: 0 makes batches in the event loop itself: for images that take less time than to wake a thread
    make: the results of images with the same key, in order, with the look of the first, or why one cannot be made
    """

    def __init__(self, threads: int, make: Callable[[L, Sequence[Wanted]], list[T | Exception]]) -> None:
        self._make = make
        self._executor = ThreadPoolExecutor(threads, "digitseq-batches") if threads else None
        self._threads, self._queue = threads, BatchQueue[L, T]()
        self._served: set[str] = set()  # addresses whose batch is made in a thread: one of each at a time
        self._scheduled = False
        self._gathering: str | None = None  # the address whose next batch is waited for
        self._loop: asyncio.AbstractEventLoop | None = None  # to ask for it takes a system call on Python 3.11

    async def image(self, look: L, wanted: Wanted, address: str, key: Hashable) -> T:
        """The result of one image. key: what images that can be made together share.

        Not made if the task is cancelled before its batch.
        """
        loop = self._loop = self._loop or asyncio.get_running_loop()
        request: ImageRequest[L, T] = ImageRequest(look, wanted, loop.create_future())
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
        self._queue = BatchQueue[L, T]()
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
            made = self._executor.submit(self._results, requests)
            when_made(made, loop, partial(self._end, loop, address, requests))

    def _make_next(self, join: bool = True) -> None:
        if taken := self._queue.take(lambda address: True, join):
            deliver(taken[1], self._results(taken[1]))

    def _results(self, requests: list[ImageRequest[L, T]]) -> list[T | Exception]:
        return self._make(requests[0].look, [request.wanted for request in requests])

    def _may_be_served(self, address: str) -> bool:
        return address not in self._served

    def _end(
        self,
        loop: asyncio.AbstractEventLoop,
        address: str,
        requests: list[ImageRequest[L, T]],
        made: Future[list[T | Exception]],
    ) -> None:
        self._served.discard(address)
        if not made.cancelled():
            error = made.exception()
            deliver(requests, made.result() if error is None else [error] * len(requests))
            if len(requests) > 1 and not self._scheduled:
                # half a batch takes almost as long as a whole one
                self._scheduled, self._gathering = True, address
                loop.call_later(GATHER, self._begin, loop)
            else:
                self._schedule(loop)


def deliver(requests: list[ImageRequest[L, T]], results: Sequence[T | BaseException]) -> None:
    """Give each of `requests` its result, or the reason why there is none."""
    for request, result in zip(requests, results):
        if request.result.done():  # cancelled while its batch was made
            continue
        if isinstance(result, BaseException):
            request.result.set_exception(result)
        else:
            request.result.set_result(result)
