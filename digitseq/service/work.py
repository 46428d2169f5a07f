"""Threads that make images: how many requests wait, in which order they are served, and when they are stopped."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, TypeVar
from weakref import WeakSet

from starlette.types import Scope

from digitseq.service.limits import Limits
from digitseq.service.problems import Problem
from digitseq.sources.base import Check

T = TypeVar("T")
Receive = Callable[[], Awaitable[Any]]
LOOK_AFTER = 0.05  # seconds before a waiting client is looked at: most are answered sooner, and cost nothing more


class Client(NamedTuple):
    """Who has sent a request. address: the other end of the connection, a proxy's where there is one."""

    address: str
    receive: Receive


def client_of(scope: Scope, receive: Receive) -> Client:
    """The client of a request."""
    peer = scope.get("client")
    return Client(peer[0] if peer else "", receive)


class Stopped(Exception):
    """Work ended because nobody waits for it any more."""


class CancelToken:
    """Tells work in a thread to end: the thread calls `check` every few milliseconds."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """End the work."""
        self._event.set()

    def check(self) -> None:
        """Raises `Stopped` once `set` was called."""
        if self._event.is_set():
            raise Stopped


class Places:
    """At most `most` requests at once, and `percent` of them of one client address."""

    def __init__(self, most: int, percent: int, noun: str, retry_after: int) -> None:
        self._most, self._each = most, max(1, most * percent // 100)
        self._noun, self._retry_after = noun, str(retry_after)
        self._held: Counter[str] = Counter()
        self.taken = 0

    @contextmanager
    def place(self, address: str) -> Generator[None, None, None]:
        """A block in which one request of `address` is under way. Raises `Problem` 429 when there are enough."""
        if self.taken >= self._most:
            raise Problem(429, f"{self.taken} {self._noun} are under way already", Retry_After=self._retry_after)
        if self._held[address] >= self._each:
            raise Problem(
                429, f"{self._each} {self._noun} of your address are under way already", Retry_After=self._retry_after
            )
        self.taken += 1
        self._held[address] += 1
        try:
            yield
        finally:
            self.taken -= 1
            self._held[address] -= 1
            if not self._held[address]:
                del self._held[address]


class Threads:
    """Threads for one kind of work. Client addresses take turns: none waits until another's queue is through.

    working: called with 1 when a thread begins, and with -1 when it ends.
    """

    def __init__(self, name: str, limits: Limits, working: Callable[[int], None] = lambda change: None) -> None:
        self._seconds = limits.max_seconds
        self._executor = ThreadPoolExecutor(limits.concurrency, f"digitseq-{name}")
        self._idle = limits.concurrency
        self._working = working
        self._waiting: dict[str, deque[tuple[asyncio.Future[Any], Callable[[], Any]]]] = {}
        self._stops: WeakSet[CancelToken] = WeakSet()
        self._running: set[asyncio.Future[Any]] = set()

    @property
    def busy(self) -> int:
        """How many threads work."""
        return len(self._running)

    async def run(self, client: Client, call: Callable[[Check], T]) -> T:
        """`call(check)` in a thread.

        `Problem` 503 when that takes too long or the client goes. `check` then raises in the thread.
        """
        stop = self.stop()
        try:
            return await answer(self.submit(client.address, partial(call, stop.check)), client.receive, self._seconds)
        finally:
            stop.set()

    def stop(self) -> CancelToken:
        """What stops a piece of work; also set at the end of the service."""
        made = CancelToken()
        self._stops.add(made)
        return made

    def submit(self, address: str, call: Callable[[], T]) -> asyncio.Future[T]:
        """`call()` in a thread, in turn. Not begun when the future is cancelled before."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(address, deque()).append((future, call))
        self._begin()
        return future

    async def close(self) -> None:
        """Stop all work, and wait for the threads."""
        for stop in list(self._stops):
            stop.set()
        while self._running:
            await asyncio.wait(self._running)
        self._executor.shutdown(wait=False)

    def _begin(self) -> None:
        while self._idle and self._waiting:
            address = next(iter(self._waiting))
            calls = self._waiting.pop(address)
            future, call = calls.popleft()
            if calls:
                self._waiting[address] = calls  # behind all others
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
        self._begin()


class Work:
    """All work of a process: single images, and the long work of samples and data sets, which delays no image."""

    def __init__(self, limits: Limits, working: Callable[[int], None] = lambda change: None) -> None:
        places = limits.concurrency + limits.max_waiting
        self.seconds = limits.max_seconds
        self.images, self.long = Threads("images", limits, working), Threads("long", limits, working)
        self._images = Places(places, limits.client_percent, "requests", 1)
        self._long = Places(places, limits.client_percent, "requests for samples and data sets", 1)
        self._streams = Places(limits.max_streams, limits.client_percent, "data sets", 10)
        self.draining = False

    @property
    def under_way(self) -> int:
        """Requests that are being answered."""
        return self._images.taken + self._long.taken

    def drain(self) -> None:
        """Take no new work from now on."""
        self.draining = True

    async def close(self) -> None:
        """Stop what is under way and end the threads."""
        await asyncio.gather(self.images.close(), self.long.close())

    @contextmanager
    def image(self, address: str) -> Generator[None, None, None]:
        """A block in which a single image is made. Raises `Problem` 503 or 429 when there is no place for it."""
        self._check_open()
        with self._images.place(address):
            yield

    @contextmanager
    def several(self, address: str) -> Generator[None, None, None]:
        """The same for several images."""
        self._check_open()
        with self._long.place(address):
            yield

    @contextmanager
    def stream(self, address: str) -> Generator[None, None, None]:
        """The same for a data set."""
        with self.several(address), self._streams.place(address):
            yield

    def _check_open(self) -> None:
        if self.draining:
            raise Problem(503, "the service is shutting down", Retry_After="5", Connection="close")


class Stream:
    """Pieces of bytes, each made in a thread while the one before it is sent. Empty ones mean work under way.

    make: gets a `Check` and returns an iterator, which is closed by `close`, in a thread as well.
    """

    def __init__(self, threads: Threads, address: str, make: Callable[[Check], Generator[bytes, None, None]]) -> None:
        self._threads, self._address = threads, address
        self._stop = threads.stop()
        self._made = make(self._stop.check)
        self._at_work = threading.Lock()
        self._ask()

    async def begin(self, receive: Receive, seconds: float) -> None:
        """Wait for the first piece. As `answer`."""
        while await answer(self._coming, receive, seconds) == b"":
            self._ask()

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        while (piece := await self._coming) is not None:
            self._ask()
            if piece:
                yield piece

    def close(self) -> None:
        """Stop the work at hand."""
        self._stop.set()
        self._coming.cancel()
        self._threads.submit(self._address, self._end)

    def _ask(self) -> None:
        self._coming = self._threads.submit(self._address, self._advance)

    def _advance(self) -> bytes | None:
        with self._at_work:
            return next(self._made, None)

    def _end(self) -> None:
        with self._at_work:
            self._made.close()


async def answer(future: asyncio.Future[T], receive: Receive, seconds: float) -> T:
    """What `future` comes to. `Problem` 503, and the future is done, when that takes too long or the client goes."""
    loop = asyncio.get_running_loop()
    watching: list[asyncio.Task[None]] = []
    timer = loop.call_later(LOOK_AFTER, lambda: watching.append(loop.create_task(_watch(future, receive, seconds))))
    try:
        return await future
    finally:
        timer.cancel()


async def _watch(future: asyncio.Future[Any], receive: Receive, seconds: float) -> None:
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
    except Problem:  # of a body that nobody wants
        pass
