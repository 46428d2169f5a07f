"""Threads that make images: in which order requests are served, and when their work is cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, TypeVar
from weakref import WeakSet

from starlette.types import Scope

from digitseq.service.limits import Limits
from digitseq.service.problems import Problem
from digitseq.sources.base import Check

T = TypeVar("T")
Receive = Callable[[], Awaitable[Any]]
WATCH_AFTER = 0.05  # seconds until it is checked whether the client is still there: most are answered sooner


class Client(NamedTuple):
    """Who sent a request. address: the other end of the connection, that of a reverse proxy if there is one."""

    address: str
    receive: Receive


def client_of(scope: Scope, receive: Receive) -> Client:
    """The client of a request."""
    peer = scope.get("client")
    return Client(peer[0] if peer else "", receive)


class Stopped(Exception):
    """Work ended because nobody waits for it any more."""


class CancelToken(threading.Event):
    """Tells work in a thread to end: the thread calls `check` every few milliseconds."""

    def check(self) -> None:
        """Raises `Stopped` once the event is set."""
        if self.is_set():
            raise Stopped


class FairThreadPool:
    """Threads for one kind of work, shared round-robin between client addresses. Lives in one event loop.

    working: called with 1 when a call starts, and with -1 when it ends.
    """

    def __init__(self, name: str, limits: Limits, working: Callable[[int], None] = lambda change: None) -> None:
        self._seconds = limits.max_seconds
        self._executor = ThreadPoolExecutor(limits.concurrency, f"digitseq-{name}")
        self._idle = limits.concurrency
        self._working = working
        self._waiting: dict[str, deque[tuple[asyncio.Future[Any], Callable[[], Any]]]] = {}
        self._tokens: WeakSet[CancelToken] = WeakSet()
        self._running: set[asyncio.Future[Any]] = set()

    @property
    def busy(self) -> int:
        """How many threads are working."""
        return len(self._running)

    async def run(self, client: Client, call: Callable[[Check], T]) -> T:
        """`call(check)` in a thread.

        Raises `Problem` 503 when that takes too long or the client goes. `check` then raises in the thread.
        """
        token = self.new_token()
        try:
            future = self.submit(client.address, partial(call, token.check))
            return await result_of(future, client.receive, self._seconds)
        finally:
            token.set()

    def new_token(self) -> CancelToken:
        """A token to cancel some work with; `close` sets it as well."""
        token = CancelToken()
        self._tokens.add(token)
        return token

    def submit(self, address: str, call: Callable[[], T]) -> asyncio.Future[T]:
        """`call()` in a thread, in turn. Not started if the future is cancelled before."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(address, deque()).append((future, call))
        self._start()
        return future

    async def close(self) -> None:
        """Cancel all work, and wait for the threads."""
        for token in list(self._tokens):
            token.set()
        while self._running:
            await asyncio.wait(self._running)
        self._executor.shutdown(wait=False)

    def _start(self) -> None:
        while self._idle and self._waiting:
            address = next(iter(self._waiting))
            calls = self._waiting.pop(address)
            future, call = calls.popleft()
            if calls:
                self._waiting[address] = calls  # a dict keeps the order of insertion: behind all others
            if not future.done():
                self._idle -= 1
                running = asyncio.get_running_loop().run_in_executor(self._executor, call)
                self._running.add(running)
                self._working(1)
                running.add_done_callback(partial(self._end, future))

    def _end(self, future: asyncio.Future[Any], running: asyncio.Future[Any]) -> None:
        self._idle += 1
        self._running.discard(running)
        self._working(-1)
        error = running.exception()
        if future.done():
            pass
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(running.result())
        self._start()


class Stream:
    """Pieces of bytes, each made in a thread while the one before it is sent. Empty ones mean that work is under way.

    make: gets a `Check` and returns a generator, which `close` closes, in a thread as well.
    """

    def __init__(
        self, threads: FairThreadPool, address: str, make: Callable[[Check], Generator[bytes, None, None]]
    ) -> None:
        self._threads, self._address = threads, address
        self._token = threads.new_token()
        self._pieces = make(self._token.check)
        self._lock = threading.Lock()  # a generator cannot be closed while it runs
        self._request()

    async def begin(self, receive: Receive, seconds: float) -> None:
        """Wait for the first piece. Raises as `result_of`."""
        while await result_of(self._next, receive, seconds) == b"":
            self._request()

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        while (piece := await self._next) is not None:
            self._request()
            if piece:
                yield piece

    def close(self) -> None:
        """Cancel the piece that is being made."""
        self._token.set()
        self._next.cancel()
        self._threads.submit(self._address, self._end)

    def _request(self) -> None:
        self._next = self._threads.submit(self._address, self._advance)

    def _advance(self) -> bytes | None:
        with self._lock:
            return next(self._pieces, None)

    def _end(self) -> None:
        with self._lock:
            self._pieces.close()


async def result_of(future: asyncio.Future[T], receive: Receive, seconds: float) -> T:
    """The result of `future`, which is cancelled with `Problem` 503 when that takes too long or the client goes."""
    loop = asyncio.get_running_loop()
    watching: list[asyncio.Task[None]] = []
    # a timer costs a third of asyncio.wait, and most requests are answered before it is due
    timer = loop.call_later(
        WATCH_AFTER, lambda: watching.append(loop.create_task(_cancel_in_time(future, receive, seconds)))
    )
    try:
        return await future
    finally:
        timer.cancel()


async def _cancel_in_time(future: asyncio.Future[Any], receive: Receive, seconds: float) -> None:
    gone = asyncio.ensure_future(_disconnected(receive))
    await asyncio.wait({future, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if not future.done():
        reason = "the client has gone" if gone.done() else f"this took longer than {seconds} seconds"
        future.set_exception(Problem(503, reason))
    gone.cancel()


async def _disconnected(receive: Receive) -> None:
    try:
        while (await receive())["type"] != "http.disconnect":
            pass
    except Problem:  # about the rest of a body that is not needed
        pass
