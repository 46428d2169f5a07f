"""How much is made at the same time, for which client addresses take turns."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from starlette.types import Scope

from digitseq.service.cancelling import Receive, UntilGone
from digitseq.service.messages import Data
from digitseq.service.turns import Turns

T = TypeVar("T")


def address_of(scope: Scope) -> str:
    """The other end of a request's connection: the client, or the reverse proxy if there is one."""
    peer = scope.get("client")
    return peer[0] if peer else ""


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
        with UntilGone(receive):
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


class Stream:
    """Pieces of bytes, each made while the one before it is sent. Empty ones mean that work is under way.

    Each waits for a turn of `address` in `queue`.
    """

    def __init__(self, queue: WorkQueue, pieces: AsyncGenerator[Data, None], address: str = "") -> None:
        self._queue, self._pieces, self._address = queue, pieces, address
        self._request()

    async def begin(self, receive: Receive) -> None:
        """Wait for the first piece. Raises `Problem` 503 when the client goes."""
        with UntilGone(receive):
            while await self._next == b"":
                self._request()

    async def __aiter__(self) -> AsyncGenerator[Data, None]:
        while (piece := await self._next) is not None:
            self._request()
            if piece:
                yield piece

    async def close(self) -> None:
        """Cancel the piece that is being made."""
        self._next.cancel()
        try:
            await asyncio.gather(self._next, return_exceptions=True)
        finally:
            await self._pieces.aclose()

    def _request(self) -> None:
        self._next = asyncio.ensure_future(self._advance())

    async def _advance(self) -> Data | None:
        async with self._queue.turn(self._address):
            return await anext(self._pieces, None)
