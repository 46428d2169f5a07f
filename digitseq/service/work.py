"""Threads that make images: how many work and wait, for how long, and when they are stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from digitseq.service.limits import Limits
from digitseq.service.problems import Problem
from digitseq.service.watch import Receive, Watch

T = TypeVar("T")


class Work:
    """All work of a process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._threads = ThreadPoolExecutor(limits.concurrency, "digitseq")
        self._under_way = 0
        self._streams = 0
        self._draining = False
        self._watch = Watch(limits.max_seconds)

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
        self._watch.over(future, receive)
        try:
            return await future
        except asyncio.CancelledError:
            reason = self._watch.reasons.pop(id(future), None)
            if reason is None:
                raise
            raise Problem(503, reason) from None

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

    async def pieces(self, made: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
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
            coming.add_done_callback(lambda last: _end(made, last))


def _end(made: Iterator[bytes], last: asyncio.Future[bytes | None]) -> None:
    """Close `made`, whose last piece nobody waits for."""
    if not last.cancelled():
        last.exception()  # or asyncio would report it as forgotten
    close = getattr(made, "close", None)
    if close is not None:
        close()
