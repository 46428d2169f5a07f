"""Single images of fixed texts: those that are requested at the same moment are made in one batch."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from digitseq.service.batch_queue import BatchQueue, ImageRequest
from digitseq.service.batches import Wanted
from digitseq.service.turns import Sharing

L = TypeVar("L")
T = TypeVar("T")
FEW = 8  # images of a batch that take almost as long as fewer
GATHER = 0.0015  # seconds in which clients that have just got an image ask for the next one


class MicroBatcher(ABC, Generic[L, T]):
    """Makes batches of images, for which client addresses take turns. Lives in one event loop.

    sharing: knows whether several addresses have asked lately, for images or anything else
    """

    def __init__(self, sharing: Sharing) -> None:
        self._queue = BatchQueue[L, T](sharing)
        self._scheduled = False
        self._loop: asyncio.AbstractEventLoop | None = None  # to ask for it takes a system call on Python 3.11

    async def image(self, look: L, wanted: Wanted, address: str, key: Hashable) -> T:
        """The result of one image. key: what images that can be made together share.

        Not made if the task is cancelled before its batch.
        """
        loop = self._loop = self._loop or asyncio.get_running_loop()
        request: ImageRequest[L, T] = ImageRequest(look, wanted, loop.create_future())
        self._queue.add(address, request, key)
        self._added(address, loop)
        try:
            return await request.result
        except asyncio.CancelledError:
            self._queue.discard(address, request, key)
            self._left()
            raise

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        # begins when all requests that the event loop has read have joined the batch
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._begin, loop)

    @abstractmethod
    def _added(self, address: str, loop: asyncio.AbstractEventLoop) -> None:
        """A request of `address` waits."""

    def _left(self) -> None:
        """A request was cancelled."""

    @abstractmethod
    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make what is next."""


class BatchesHere(MicroBatcher[L, T]):
    """Made in the event loop: for images that take less time than to wake somebody else.

    make: the results of images with the same key, in order, with the look of the first, or why one cannot be made
    """

    def __init__(self, sharing: Sharing, make: Callable[[L, Sequence[Wanted]], Sequence[T | Exception]]) -> None:
        super().__init__(sharing)
        self._make = make

    def _added(self, address: str, loop: asyncio.AbstractEventLoop) -> None:
        if self._queue.overtakes(address):
            self._make_next(join=False)  # not behind all that the event loop has read of another client
        else:
            self._schedule(loop)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled = False
        self._make_next()
        if self._queue:
            self._schedule(loop)  # what has arrived meanwhile is read first

    def _make_next(self, join: bool = True) -> None:
        if taken := self._queue.take_batch(lambda address: True, join):
            requests = taken[1]
            deliver(requests, self._make(requests[0].look, [request.wanted for request in requests]))


class BatchesElsewhere(MicroBatcher[L, T]):
    """Made by others, `at_once` batches at the same time.

    make: as of `BatchesHere`, but awaited
    each: batches that one address may have made at once, where others ask, too
    """

    def __init__(
        self,
        sharing: Sharing,
        make: Callable[[L, Sequence[Wanted]], Awaitable[Sequence[T | Exception]]],
        at_once: int,
        each: int = 1,
    ) -> None:
        super().__init__(sharing)
        self._make, self._at_once, self._each = make, at_once, each
        # address and requests of each batch under way
        self._made: dict[asyncio.Task[Any] | None, tuple[str, list[ImageRequest[L, T]]]] = {}
        self._gathering: str | None = None  # the address whose next batch is waited for

    async def image(self, look: L, wanted: Wanted, address: str, key: Hashable) -> T:
        """See `MicroBatcher.image`."""
        free = len(self._made) < self._at_once and not self._under_way(address) and not self._queue.waiting(address)
        if self._queue.shared and free:
            return await self._alone(look, wanted, address)
        return await super().image(look, wanted, address, key)

    async def _alone(self, look: L, wanted: Wanted, address: str) -> T:
        """One image, made at once: each further step would wait for what the event loop has read of other clients."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        self._made[task] = address, [ImageRequest(look, wanted, loop.create_future())]
        try:
            (result,) = await self._make(look, [wanted])
        finally:
            del self._made[task]
            self._schedule(loop)
        if isinstance(result, Exception):
            raise result
        return result

    def _added(self, address: str, loop: asyncio.AbstractEventLoop) -> None:
        if self._gathering not in (None, address):
            self._begin(loop)  # nobody waits for the batch of another client
        else:
            self._schedule(loop)

    def _left(self) -> None:
        for task, (_, requests) in self._made.items():
            if task and all(request.result.done() for request in requests):
                task.cancel()

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled, self._gathering = False, None
        while len(self._made) < self._at_once and (taken := self._queue.take_batch(self._may_begin, most=self._share)):
            task = loop.create_task(self._serve(*taken))
            self._made[task] = taken
            task.add_done_callback(partial(self._ended, loop))

    def _may_begin(self, address: str) -> bool:
        """Whether the next batch of `address` may begin: while some are made, requests gather for another one."""
        made = len(self._under_way(address))
        if not made or made >= self._most():
            return not made
        return self._queue.looks(address) > made or self._queue.waiting(address) >= self._share(address)

    def _share(self, address: str) -> int:
        """Images of a batch of `address`, if it has as many batches made as it may."""
        asked = self._queue.waiting(address) + sum(map(len, self._under_way(address)))
        return max(FEW, -(-asked // self._most()))

    def _most(self) -> int:
        """Batches that one address may have made at once."""
        return self._each if self._queue.shared else self._at_once

    def _under_way(self, address: str) -> list[list[ImageRequest[L, T]]]:
        return [requests for who, requests in self._made.values() if who == address]

    async def _serve(self, address: str, requests: list[ImageRequest[L, T]]) -> None:
        results: Sequence[T | BaseException]
        try:
            results = await self._make(requests[0].look, [request.wanted for request in requests])
        except Exception as error:
            results = [error] * len(requests)
        deliver(requests, results)

    def _ended(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
        address, requests = self._made.pop(task)
        ask_again = len(requests) > 1 and not task.cancelled()
        alone = not self._under_way(address) and not self._queue.waits_beside(address)
        if ask_again and alone and not self._scheduled:
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
