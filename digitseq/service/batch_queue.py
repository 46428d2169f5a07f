"""Which images are made together next: client addresses take turns, and so do the looks that each asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from digitseq.service.batches import Wanted
from digitseq.service.turns import Sharing, Turns, following

MAX_BATCH = 32  # images: more gain little, and who comes next waits for the end of the batch
MAX_SHARED = 4  # images of one address, where another one asks, too: the answers to more would keep it waiting
L = TypeVar("L")
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class ImageRequest(Generic[L, T]):
    """An image with a look, which gives what makes it; `result` gets what was made."""

    look: L
    wanted: Wanted
    result: asyncio.Future[T]


class BatchQueue(Turns[ImageRequest[L, T]]):
    """Requests that wait, by address and batch key. sharing: knows whether several addresses have asked lately."""

    def __init__(self, sharing: Sharing) -> None:
        super().__init__()
        self._sharing = sharing

    @property
    def shared(self) -> bool:
        """Whether several addresses have asked lately."""
        return bool(self._sharing)

    def waiting(self, address: str) -> int:
        """How many requests of `address` wait."""
        return sum(map(len, self._waiting.get(address, {}).values()))

    def looks(self, address: str) -> int:
        """Of how many batches at least."""
        return len(self._waiting.get(address, {}))

    def waits_beside(self, address: str) -> bool:
        """Whether any other address waits."""
        return any(other != address for other in self._waiting)

    def overtakes(self, address: str) -> bool:
        """Whether what `address` waits for should be made at once: it is next, and others have asked lately."""
        last = self._last
        return self.shared and last != address and following(self._waiting, lambda each: True, last) == address

    def take_batch(
        self, may: Callable[[str], bool], join: bool = True, most: Callable[[str], int] = lambda address: MAX_BATCH
    ) -> tuple[str, list[ImageRequest[L, T]]] | None:
        """Takes out a batch of the next of the addresses that `may` be served now; None if there is none.

        most: images that an address gets, at most `MAX_BATCH`, and `MAX_SHARED` where others ask, too
        join: others who wait with the same key join it, each with as many images as that address has in it at most: so
        it ends about as soon as without them.
        """
        if (turn := self._next(may)) is None:
            return None
        address, key = turn
        found = self._take(address, key, min(most(address), MAX_SHARED if self.shared else MAX_BATCH))
        share = len(found) if join else 0
        for other in [each for each, theirs in self._waiting.items() if key in theirs and each != address]:
            found += self._take(other, key, min(share, MAX_BATCH - len(found)))
        return address, found
