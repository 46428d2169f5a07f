"""Threads that make images: how many work and wait, for how long, and when they are stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from digitseq.service.limits import Limits
from digitseq.service.problems import Problem

T = TypeVar("T")
Receive = Callable[[], Awaitable[Any]]
PATIENCE = 0.25  # seconds before a waiting client is watched: most are answered sooner


class Work:
    """All work of a process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._threads = ThreadPoolExecutor(limits.concurrency, "digitseq")
        self._under_way = 0
        self._streams = 0
        self._draining = False

    @property
    def under_way(self) -> int:
        """Requests that are being answered."""
        return self._under_way

    @property
    def draining(self) -> bool:
        """Whether no new work is taken."""
        return self._draining

    def drain(self) -> None:
        """Take no new work from now on."""
        self._draining = True

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def place(self) -> Generator[None, None, None]:
        """A block in which one request is under way. Raises `Problem` 503 or 429 when there is no place for it."""
        if self._draining:
            raise Problem(503, "the service is shutting down", Retry_After="5", Connection="close")
        if self._under_way >= self._limits.concurrency + self._limits.max_waiting:
            raise Problem(429, "too many requests are waiting", Retry_After="1")
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def run(self, receive: Receive, call: Callable[..., T], *arguments: Any) -> T:
        """`call(*arguments)` in a thread. As `answer`."""
        loop = asyncio.get_running_loop()
        return await self.answer(receive, loop.run_in_executor(self._threads, call, *arguments))

    async def answer(self, receive: Receive, future: asyncio.Future[T]) -> T:
        """What `future` comes to. `Problem` 503, and no more work for it, when it takes too long or the client goes."""
        loop = asyncio.get_running_loop()
        watchers: list[asyncio.Task[None]] = []
        reasons: list[str] = []

        def give_up(reason: str) -> None:
            reasons.append(reason)
            future.cancel()

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            give_up("the client has gone")

        timers = (
            loop.call_later(PATIENCE, lambda: watchers.append(loop.create_task(watch()))),
            loop.call_later(
                self._limits.max_seconds, give_up, f"this took longer than {self._limits.max_seconds} seconds"
            ),
        )
        try:
            return await future
        except asyncio.CancelledError:
            if not reasons:
                raise
            raise Problem(503, reasons[0]) from None
        finally:
            for timer in timers:
                timer.cancel()
            for watcher in watchers:
                watcher.cancel()

    @contextmanager
    def stream(self) -> Generator[None, None, None]:
        """A block in which one data set is sent. Raises `Problem` 429 when there are enough of them."""
        if self._streams >= self._limits.max_streams:
            raise Problem(429, f"{self._streams} data sets are being made already", Retry_After="10")
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1

    async def pieces(self, made: Iterator[bytes]) -> AsyncIterator[bytes]:
        """What `made` yields, each piece made in a thread while the one before it is sent.

        When this is closed early, `made` is closed after the piece at hand.
        """
        loop = asyncio.get_running_loop()
        coming = loop.run_in_executor(self._threads, next, made, None)
        try:
            while (piece := await asyncio.shield(coming)) is not None:
                coming = loop.run_in_executor(self._threads, next, made, None)
                if piece:
                    yield piece
        finally:
            coming.add_done_callback(lambda _: self._end(made))

    def _end(self, made: Iterator[bytes]) -> None:
        close = getattr(made, "close", None)
        if close is not None:
            close()
