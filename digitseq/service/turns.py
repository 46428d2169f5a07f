"""Whose turn it is: what waits is served address by address, not first come, first served."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")
SHARED_SECONDS = 1.0  # for how long it is remembered that several addresses have asked
AT_ONCE = 2  # pieces that are read of each address, until the event loop receives more


def following(waiting: Iterable[str], may: Callable[[str], bool], last: str | None) -> str | None:
    """The first of the addresses `waiting` that `may` be served now, the `last` one that was served after all others.

    So whoever comes while that one is served is next.
    """
    those = filter(may, waiting)
    first = next(those, None)
    return next(those, first) if first == last else first


class Sharing:
    """Whether several client addresses have asked lately. clock: seconds, from any start."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked, self._until = "", -math.inf  # who asked last

    def __bool__(self) -> bool:
        return self._clock() < self._until

    def note(self, address: str) -> None:
        """`address` asks for something."""
        if address != self._asked:
            if self._asked:
                self._until = self._clock() + SHARED_SECONDS
            self._asked = address


class Turns(Generic[T]):
    """What waits, by client address. Addresses take turns; what one of them asks for stays in order.

    However much an address has waiting, another one waits for one item of it at most. What an address asks for may be
    of several kinds, by their keys: they take turns, too, and what is of one kind stays in order.
    """

    def __init__(self) -> None:
        # first those whose turn comes first: a dict keeps the order of insertion
        self._waiting: dict[str, dict[Hashable, deque[T]]] = {}
        self._last: str | None = None  # the address that was served last

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def addresses(self) -> int:
        """How many have something waiting."""
        return len(self._waiting)

    def waits(self, address: str) -> bool:
        """Whether `address` has anything waiting."""
        return address in self._waiting

    def add(self, address: str, item: T, key: Hashable = None) -> None:
        """Let `item` wait behind all that `address` has waiting with the same key."""
        self._waiting.setdefault(address, {}).setdefault(key, deque()).append(item)

    def discard(self, address: str, item: T, key: Hashable = None) -> None:
        """Take `item` out, if it still waits. The turn of its address stays."""
        items = self._waiting.get(address, {}).get(key, deque())
        if item in items:
            items.remove(item)
            self._remove_empty(address, key)

    def take(self, may: Callable[[str], bool]) -> tuple[str, T] | None:
        """Takes out what is next of the addresses that `may` be served now, with its address; None if there is none."""
        if (found := self._next(may)) is None:
            return None
        (item,) = self._take(*found, 1)
        return found[0], item

    def _next(self, may: Callable[[str], bool]) -> tuple[str, Hashable] | None:
        """The address that is served now, which goes behind the others, and the key that is next."""
        address = following(self._waiting, may, self._last)
        if address is None:
            return None
        self._last = address
        keys = self._waiting[address] = self._waiting.pop(address)
        return address, next(iter(keys))

    def _take(self, address: str, key: Hashable, count: int) -> list[T]:
        """Takes out `count` items at most. Their key goes behind the others of the address."""
        if not count:
            return []
        keys = self._waiting[address]
        items = keys[key] = keys.pop(key)
        found = [items.popleft() for _ in range(min(count, len(items)))]
        self._remove_empty(address, key)
        return found

    def _remove_empty(self, address: str, key: Hashable) -> None:
        keys = self._waiting[address]
        if not keys[key]:
            del keys[key]
        if not keys:
            del self._waiting[address]


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
