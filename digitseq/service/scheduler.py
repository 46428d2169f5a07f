"""Who may start work: how many requests are answered, and how much is made at once, in total and for each address."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from starlette.types import Scope

from digitseq.service.cancelling import Receive, until_gone
from digitseq.service.limits import Limits
from digitseq.service.problems import Problem
from digitseq.service.turns import Sharing, Turns

MAX_WAIT = 50.0  # seconds: proxies give up after 60
T = TypeVar("T")


def address_of(scope: Scope) -> str:
    """The other end of a request's connection: the client, or the reverse proxy if there is one."""
    peer = scope.get("client")
    return peer[0] if peer else ""


class AddressLimiter:
    """At most `most` requests at once, and `percent` of them from one client address, but at least one.

    sharing: is told who asks
    """

    def __init__(self, sharing: Sharing, most: int, percent: int, noun: str, retry_after: int = 1) -> None:
        self._sharing = sharing
        self._most, self._each = most, max(1, most * percent // 100)
        self._noun, self._retry_after = noun, str(retry_after)
        self._held: Counter[str] = Counter()
        self.in_use = 0
        self.closed = False

    @contextmanager
    def slot(self, address: str) -> Generator[None, None, None]:
        """Holds a slot for one request of `address`. Raises `Problem` 429 when there is none, 503 when closed."""
        self._sharing.note(address)
        if self.closed:
            raise Problem(503, "the service is shutting down", Retry_After="5", Connection="close")
        if self.in_use >= self._most:
            raise self._refusal(f"{self.in_use} {self._noun} are under way already")
        if self._held[address] >= self._each:
            raise self._refusal(f"{self._each} {self._noun} of your address are under way already")
        self.in_use += 1
        self._held[address] += 1
        try:
            yield
        finally:
            self.in_use -= 1
            self._held[address] -= 1
            if not self._held[address]:  # a counter keeps zeros: one for every address that ever asked
                del self._held[address]

    def _refusal(self, detail: str) -> Problem:
        return Problem(429, f"{detail}: ask again when one has ended", Retry_After=self._retry_after)


class WorkQueue:
    """Lets `count` things of one kind of work be made at a time. Lives in one event loop.

    each: how many things one address may have made at once, so that the next address finds a place; None: all
    """

    def __init__(self, count: int, each: int | None = None) -> None:
        self._free, self._each = count, each or count
        self._waiting = Turns[asyncio.Future[None]]()
        self._held: Counter[str] = Counter()  # things that are made for each address

    @asynccontextmanager
    async def turn(self, address: str = "") -> AsyncIterator[None]:
        """Begins when it is the turn of `address`."""
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(address, granted)
        self._grant()
        try:
            await granted
            yield
        finally:
            if granted.cancelled():
                self._waiting.discard(address, granted)
            else:
                self._release(address)

    async def run(self, make: Callable[[], Awaitable[T]], receive: Receive, address: str = "") -> T:
        """`await make()` when it is the turn of `address`. Raises `Problem` 503 when the client goes."""
        with until_gone(receive):
            async with self.turn(address):
                return await make()

    def _grant(self) -> None:
        while self._free:
            taken = self._waiting.take(lambda address: self._held[address] < self._each)
            if taken is None:
                return
            address, granted = taken
            if granted.cancelled():  # its task does not know yet
                continue
            self._free -= 1
            self._held[address] += 1
            granted.set_result(None)

    def _release(self, address: str) -> None:
        self._free += 1
        self._held[address] -= 1
        if not self._held[address]:
            del self._held[address]
        self._grant()


class Scheduler:
    """All work of a process: queues, and slots, of which a request holds one while it is answered.

    Single images have a queue of their own, so that samples and data sets (`long`) delay none. A data set takes a slot
    of `long_slots` and one of `streams`.

    max_wait: seconds that a request waits for something to be ready; early: how many of each kind of work may
    """

    def __init__(self, limits: Limits) -> None:
        most, percent = limits.concurrency + limits.max_waiting, limits.client_percent
        self.max_wait = min(MAX_WAIT, limits.max_seconds / 2)  # time is left to make what was waited for
        # who waits holds a slot: most of those of an address are left for what can be answered at once
        self.early = max(1, most * percent // 100 // 4)
        # A place is left for the next address, which waits for nobody then, unless two ask for much; batches end so
        # soon that an address may have all of them made while it is the only one. One more for images, as whoever asks
        # for a data set for the first time may have to wait until it is read.
        self.each = max(1, limits.concurrency * percent // 100)
        more = limits.concurrency + (percent < 100)
        self.images = WorkQueue(more, limits.concurrency)
        self.long = WorkQueue(limits.concurrency, self.each)
        self.sharing = Sharing()
        self.image_slots = AddressLimiter(self.sharing, most, percent, "requests")
        self.long_slots = AddressLimiter(self.sharing, most, percent, "requests for samples and data sets")
        self.streams = AddressLimiter(self.sharing, limits.max_streams, percent, "data sets", 10)

    @property
    def draining(self) -> bool:
        """Whether new work is refused."""
        return self.image_slots.closed

    @property
    def under_way(self) -> int:
        """Requests that are being answered."""
        return self.image_slots.in_use + self.long_slots.in_use

    def drain(self) -> None:
        """Refuse new work from now on."""
        self.image_slots.closed = self.long_slots.closed = True
