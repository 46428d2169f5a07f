"""Threads in which the service makes what would take too long in its event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from digitseq.sources.base import Check

T = TypeVar("T")


class Stopped(Exception):
    """Work ended because nobody waits for it any more."""


class CancelToken(threading.Event):
    """Tells work to end: it calls `check` every few milliseconds."""

    def check(self) -> None:
        """Raises `Stopped` once the event is set."""
        if self.is_set():
            raise Stopped


def in_thread(call: Callable[[], T], name: str, daemon: bool = False) -> Future[T]:
    """What `call` returns in a thread of its own. Whoever stops waiting for it does not cancel it."""
    result: Future[T] = Future()
    result.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result.set_result(call())
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=run, name=name, daemon=daemon).start()
    return result


class WorkerThreads:
    """At most `count` threads. working: called with 1 when a call starts, and with -1 when it ends."""

    def __init__(self, count: int, working: Callable[[int], None] = lambda change: None) -> None:
        self._executor = ThreadPoolExecutor(count, "digitseq-work")
        self._working = working

    async def call(self, make: Callable[[Check], T]) -> T:
        """`make(check)` in a thread. Once the task is cancelled, `check` raises `Stopped`.

        Not started if the task is cancelled before.
        """
        token = CancelToken()
        try:
            return await self._call(lambda: make(token.check))
        finally:
            token.set()

    async def stream(self, make: Callable[[Check], Generator[T, None, None]]) -> AsyncGenerator[T, None]:
        """What `make(check)` yields; each item is made in a thread when it is asked for, as `call` does it."""
        token, lock = CancelToken(), threading.Lock()  # a generator cannot be closed while it runs
        items = make(token.check)

        def advance() -> T | None:
            with lock:
                return next(items, None)

        def end() -> None:
            with lock:
                items.close()

        try:
            while (item := await self._call(advance)) is not None:
                yield item
        finally:
            token.set()
            asyncio.get_running_loop().run_in_executor(None, end)

    async def close(self) -> None:
        """Wait for the threads. What they make was cancelled before."""
        await asyncio.to_thread(self._executor.shutdown)

    async def _call(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._counted, call)

    def _counted(self, call: Callable[[], T]) -> T:
        self._working(1)
        try:
            return call()
        finally:
            self._working(-1)
