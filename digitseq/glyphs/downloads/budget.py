"""What a server may take: bytes, and time for them."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Progress = Callable[[int], object]  # called with a number of bytes

HEAD_BYTES = 1 << 18  # of status lines and headers
FRAMING_BYTES = 1 << 16  # a body in chunks has some more bytes than its content


class TransferError(Exception):
    """One address did not give the file. `passing`: it may at the next try."""

    def __init__(self, message: str, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


@dataclass(frozen=True)
class DownloadLimits:
    """How long to wait for a server.

    connect, read: seconds to connect, and between two pieces of data; tries, pause: how often, and seconds before
    the second try; grace, slowest: an answer may take `grace` seconds, and one more for every `slowest` bytes.
    """

    connect: float = 10.0
    read: float = 30.0
    tries: int = 3
    pause: float = 1.0
    grace: float = 60.0
    slowest: float = 1000.0

    @property
    def timeout(self) -> tuple[float, float]:
        """As the package `requests` takes it."""
        return self.connect, self.read


@dataclass
class Budget:
    """What the next answer may take. most: bytes of its body."""

    limits: DownloadLimits
    most: int = 0
    clock: Callable[[], float] = time.monotonic


class Meter(io.RawIOBase):
    """What a socket gives, until it is too much, or comes too slowly: then `TransferError`."""

    def __init__(self, raw: Any, budget: Budget) -> None:
        self._raw, self._limits, self._clock = raw, budget.limits, budget.clock
        self._received, self._waited = 0, 0.0
        self._most, self._body = HEAD_BYTES, 2 * budget.most + FRAMING_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        before = self._clock()
        count: int | None = self._raw.readinto(buffer)
        self._waited += self._clock() - before
        self._received += count or 0
        if self._received > self._most:
            raise TransferError("the server sends more than it may")
        if count and self._waited > self._limits.grace + self._received / self._limits.slowest:
            raise TransferError(
                f"the server sends too slowly, {self._received:,} bytes in {self._waited:,.0f} seconds", passing=True
            )
        return count

    def begin_body(self) -> None:
        """The head is over."""
        self._most = self._received + self._body

    def close(self) -> None:
        self._raw.close()
        super().close()
