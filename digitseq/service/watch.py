"""Gives up on work whose client has gone, or which takes too long."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

Receive = Callable[[], Awaitable[Any]]
PATIENCE = 0.25  # seconds before a waiting client is looked at: most are answered sooner, and cost nothing more


class Watch:
    """Watches futures. One that it cancels has a reason in `reasons`, under its id."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._new: deque[tuple[float, asyncio.Future[Any], Receive]] = deque()
        self._looking = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.reasons: dict[int, str] = {}

    def over(self, future: asyncio.Future[Any], receive: Receive) -> None:
        """Watch `future`, whose client is at the other end of `receive`."""
        loop = future.get_loop()
        self._new.append((loop.time() + PATIENCE, future, receive))
        if not self._looking:
            self._looking = True
            loop.call_later(PATIENCE, self._look)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while self._new and self._new[0][0] <= loop.time():
            _, future, receive = self._new.popleft()
            if not future.done():
                task = loop.create_task(self._attend(future, receive))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        self._looking = bool(self._new)
        if self._looking:
            loop.call_at(self._new[0][0], self._look)

    async def _attend(self, future: asyncio.Future[Any], receive: Receive) -> None:
        gone = asyncio.ensure_future(_disconnected(receive))
        done, _ = await asyncio.wait({future, gone}, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if future not in done:
            self.reasons[id(future)] = (
                "the client has gone" if gone in done else f"this took longer than {self._seconds} seconds"
            )
            future.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
