"""Which images are made together next: client addresses take turns, and so do the looks that each asks for."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from digitseq.pipeline import Pipeline
from digitseq.service.turns import following

MAX_BATCH = 32  # images: more gain little, and who comes next waits for the end of the batch
MAX_SHARED = 4  # images of one address, where another one asks, too: the answers to more would keep it waiting
SHARED_SECONDS = 1.0  # for how long that is remembered


@dataclass(frozen=True, eq=False)
class ImageRequest:
    """Image `index`, from 0, of `text` under `seed`, with the look of `pipeline`; `result` gets the PNG file."""

    pipeline: Pipeline
    text: str
    seed: int
    index: int
    result: asyncio.Future[bytes]


class BatchQueue:
    """Requests that wait, by client address and batch key. clock: seconds, from any start."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked, self._shared_until = "", -math.inf  # who asked last
        self._served: str | None = None  # who was served last
        # first those that are next: a dict keeps the order of insertion
        self._waiting: dict[str, dict[Hashable, list[ImageRequest]]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, address: str, key: Hashable, request: ImageRequest) -> None:
        """Let `request` wait behind those of `address` with the same key."""
        self._waiting.setdefault(address, {}).setdefault(key, []).append(request)
        if address != self._asked:
            if self._asked:
                self._shared_until = self._clock() + SHARED_SECONDS
            self._asked = address

    def overtakes(self, address: str) -> bool:
        """Whether `address` is next, after one that has more waiting than fits into its share of a batch."""
        served = self._served
        if served is None or served == address or served not in self._waiting:
            return False
        backlog = sum(map(len, self._waiting[served].values()))
        return backlog > MAX_SHARED and following(self._waiting, lambda each: True, served) == address

    def discard(self, address: str, key: Hashable, request: ImageRequest) -> None:
        """Take `request` out, if it still waits."""
        waiting = self._waiting.get(address, {}).get(key, [])
        if request in waiting:
            waiting.remove(request)
            self._remove_empty(address, key)

    def take(self, may: Callable[[str], bool], join: bool = True) -> tuple[str, list[ImageRequest]] | None:
        """Takes out a batch of the next of the addresses that `may` be served now; None if there is none.

        join: others who wait with the same key join it, each with as many images as that address has in it at most: so
        it ends about as soon as without them.
        """
        address = following(self._waiting, may, self._served)
        if address is None:
            return None
        self._served = address
        looks = self._waiting.pop(address)
        self._waiting[address] = looks  # behind the others
        key, waiting = next(iter(looks.items()))
        most = min(MAX_BATCH, waiting[0].pipeline.batch_size)
        found = self._take(address, key, min(most, MAX_SHARED) if self._clock() < self._shared_until else most)
        share = len(found) if join else 0
        for other in [each for each, theirs in self._waiting.items() if key in theirs and each != address]:
            found += self._take(other, key, min(share, most - len(found)))
        return address, found

    def _take(self, address: str, key: Hashable, count: int) -> list[ImageRequest]:
        if not count:
            return []
        looks = self._waiting[address]
        waiting = looks.pop(key)
        looks[key] = waiting[count:]  # behind the other looks
        self._remove_empty(address, key)
        return waiting[:count]

    def _remove_empty(self, address: str, key: Hashable) -> None:
        looks = self._waiting[address]
        if not looks[key]:
            del looks[key]
        if not looks:
            del self._waiting[address]
