"""Which of the requests that have been received is looked at next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from digitseq.service.turns import Sharing, Turns

AT_ONCE = 2  # pieces of each address, until the event loop receives more


class ReadTurns:
    """Has what clients send looked at: their addresses take turns, where several ask.

    The event loop receives from all connections that have sent something before it does anything else, and would then
    answer them all.
    """

    def __init__(self) -> None:
        self._sharing, self._waiting = Sharing(), Turns[Callable[[], None]]()
        self._scheduled = False
        self._looked_at: set[str] = set()  # addresses, since the event loop has received something

    def add(self, loop: asyncio.AbstractEventLoop, address: str, look: Callable[[], None]) -> None:
        """Call `look` when it is the turn of `address`; at once, if nobody else has asked lately."""
        self._sharing.note(address)
        if not (self._sharing or self._waiting):
            look()
            return
        self._schedule(loop)
        if address in self._looked_at or self._waiting.waits(address):
            self._waiting.add(address, look)
        else:
            self._looked_at.add(address)
            look()

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._go_on, loop)

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled = False
        self._looked_at.clear()
        try:
            for _ in range(AT_ONCE * self._waiting.addresses):
                if taken := self._waiting.take(lambda address: True):
                    taken[1]()
        finally:
            if self._waiting:
                self._schedule(loop)  # first it receives what has come meanwhile
