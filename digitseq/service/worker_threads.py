"""Threads that make samples and data sets, and the end of their work when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, TypeVar

from starlette.types import Scope

from digitseq.service.problems import Problem
from digitseq.service.turns import Turns
from digitseq.sources.base import Check

T = TypeVar("T")
Receive = Callable[[], Awaitable[Any]]
MAX_WAIT = 50.0  # seconds: proxies give up after 60


def address_of(scope: Scope) -> str:
    """The other end of a request's connection: the client, or the reverse proxy if there is one."""
    peer = scope.get("client")
    return peer[0] if peer else ""


class Stopped(Exception):
    """Work ended because nobody waits for it any more."""


class NotReady(Exception):
    """Work cannot begin before `until` is done, and no thread should wait. problem: said when it takes too long."""

    def __init__(self, until: Future[None], problem: Problem) -> None:
        super().__init__(problem.detail)
        self.until, self.problem = until, problem


class CancelToken(threading.Event):
    """Tells work in a thread to end: the thread calls `check` every few milliseconds."""

    def check(self) -> None:
        """Raises `Stopped` once the event is set."""
        if self.is_set():
            raise Stopped


def when_made(made: Future[T], loop: asyncio.AbstractEventLoop, then: Callable[[Future[T]], object]) -> None:
    """Call `then` in `loop` with what a thread has made: `run_in_executor` takes two more rounds of the loop."""
    made.add_done_callback(lambda made: loop.call_soon_threadsafe(then, made))


class _Job(NamedTuple):
    """A call that a thread makes. Each has a result of its own, so that no two are equal."""

    result: asyncio.Future[Any]
    call: Callable[[], Any]


class WorkerThreads:
    """Threads for one kind of work, for which client addresses take turns. Lives in one event loop.

    working: called with 1 when a call starts, and with -1 when it ends
    max_wait: seconds that a request waits for something to be ready; early: how many may, others are told to ask again
    each: threads that one address may have at once, so that one is left for the next; None: all
    """

    def __init__(
        self,
        count: int,
        name: str,
        working: Callable[[int], None] = lambda change: None,
        max_wait: float = MAX_WAIT,
        early: int = 1,
        each: int | None = None,
    ) -> None:
        self._executor = ThreadPoolExecutor(count, f"digitseq-{name}")
        self._working, self._max_wait, self._early = working, max_wait, early
        self._count, self._each = count, each or count
        self._waiting = Turns[_Job]()
        self._running: dict[Future[Any], str] = {}  # the address of each call that a thread makes
        self._held: Counter[str] = Counter()  # threads of each address

    async def run(self, call: Callable[[Check], T], receive: Receive, address: str = "") -> T:
        """`call(check)` in a thread. Raises `Problem` 503 when the client goes.

        `check` raises in the thread when the client has gone or the task was cancelled, by its deadline for example.
        A call that raises `NotReady` is made again when that is over.
        """
        token = CancelToken()
        try:
            while True:
                try:
                    return await unless_gone(self.submit(partial(call, token.check), address), receive)
                except NotReady as early:
                    await self._ready(early, receive)
        finally:
            token.set()

    def submit(self, call: Callable[[], T], address: str = "") -> asyncio.Future[T]:
        """`call()` in a thread, when it is the turn of `address`. Not started if the future is cancelled before."""
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        job = _Job(result, call)
        self._waiting.add(address, job)
        self._start()
        result.add_done_callback(lambda _: self._waiting.discard(address, job))
        return result

    async def close(self) -> None:
        """Wait for the threads. Requests under way were cancelled before, and so was their work."""
        while self._running:  # the end of each starts what still waits
            under_way = [asyncio.wrap_future(made) for made in self._running]
            await asyncio.gather(*under_way, return_exceptions=True)
        self._executor.shutdown()

    def _start(self) -> None:
        while len(self._running) < self._count:
            taken = self._waiting.take(lambda address: self._held[address] < self._each)
            if taken is None:
                return
            address, job = taken
            made = self._executor.submit(self._counted, job.call)
            self._running[made] = address
            self._held[address] += 1
            when_made(made, asyncio.get_running_loop(), partial(self._ended, job.result))

    def _ended(self, result: asyncio.Future[Any], made: Future[Any]) -> None:
        address = self._running.pop(made)
        self._held[address] -= 1
        if not self._held[address]:
            del self._held[address]
        error = None if made.cancelled() else made.exception()
        if result.done():  # cancelled meanwhile
            pass
        elif error is not None:
            result.set_exception(error)
        elif made.cancelled():
            result.cancel()
        else:
            result.set_result(made.result())
        self._start()

    async def _ready(self, early: NotReady, receive: Receive) -> None:
        if not self._early:
            raise early.problem
        self._early -= 1
        try:
            await _ready(early, self._max_wait, receive)
        finally:
            self._early += 1

    def _counted(self, call: Callable[[], T]) -> T:
        self._working(1)
        try:
            return call()
        finally:
            self._working(-1)


class Stream:
    """Pieces of bytes, each made in a thread while the one before it is sent. Empty ones mean that work is under way.

    make: gets a `Check` and returns a generator, which `close` closes, in a thread as well.
    """

    def __init__(
        self, threads: WorkerThreads, make: Callable[[Check], Generator[bytes, None, None]], address: str = ""
    ) -> None:
        self._threads, self._address, self._token = threads, address, CancelToken()
        self._pieces = make(self._token.check)
        self._lock = threading.Lock()  # a generator cannot be closed while it runs
        self._request()

    async def begin(self, receive: Receive) -> None:
        """Wait for the first piece. Raises `Problem` 503 when the client goes."""
        while await unless_gone(self._next, receive) == b"":
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
        self._threads.submit(self._end, self._address)

    def _request(self) -> None:
        self._next = self._threads.submit(self._advance, self._address)

    def _advance(self) -> bytes | None:
        with self._lock:
            return next(self._pieces, None)

    def _end(self) -> None:
        with self._lock:
            self._pieces.close()


async def _ready(early: NotReady, max_wait: float, receive: Receive) -> None:
    until = asyncio.wrap_future(early.until)
    try:
        await unless_gone(asyncio.ensure_future(asyncio.wait({until}, timeout=max_wait)), receive)
        if not until.done():
            raise early.problem
        until.result()
    finally:
        until.cancel()


async def unless_gone(future: asyncio.Future[T], receive: Receive) -> T:
    """The result of `future`, which is cancelled with `Problem` 503 when the client goes."""
    gone = asyncio.ensure_future(_disconnected(receive))
    gone.add_done_callback(lambda _: future.cancel())
    try:
        return await future
    except asyncio.CancelledError:
        if not gone.done():
            raise
        gone.result()  # a `Problem` about the rest of a body that is not needed
        raise Problem(503, "the client has gone") from None
    finally:
        future.cancel()
        gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
