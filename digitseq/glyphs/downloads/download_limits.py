"""How many bytes a server may send, and how long it may take."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HEAD_BYTES = 1 << 18  # status line and headers, interim answers included
FRAMING_BYTES = 1 << 16  # allowed for chunked encoding, besides twice the size of the body


class TransferError(Exception):
    """A download from one URL failed; the message says why."""


class InterruptedTransferError(TransferError):
    """A download broke off in the body of an answer: another attempt may succeed."""


class SlowServerError(TimeoutError):
    """An answer takes too long. A `TimeoutError`, so that urllib3 treats it as one and tries again."""


@dataclass(frozen=True)
class DownloadLimits:
    """How long to wait for a server.

    connect, read: seconds to connect, and between two pieces of data; attempts: requests, and resumed transfers, before
    giving up; backoff: seconds, doubled after each attempt; grace, min_speed: an answer may take `grace` seconds, plus
    one for every `min_speed` bytes.
    """

    connect: float = 10.0
    read: float = 30.0
    attempts: int = 3
    backoff: float = 1.0
    grace: float = 60.0
    min_speed: float = 1000.0


class MeteredStream(io.RawIOBase):
    """What a socket receives for one answer, as long as that is neither too large nor too slow.

    Reading raises `TransferError` or `SlowServerError` otherwise.
    """

    def __init__(self, raw: Any, limits: DownloadLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._raw, self._limits, self._clock = raw, limits, clock
        self._received, self._waited = 0, 0.0
        self._max, self._ended = HEAD_BYTES, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._ended:
            return 0
        before = self._clock()
        count: int | None = self._raw.readinto(buffer)
        self._waited += self._clock() - before
        self._received += count or 0
        if self._received > self._max:
            raise TransferError("the server sends more than expected")
        if count and self._waited > self._limits.grace + self._received / self._limits.min_speed:
            raise SlowServerError(
                f"the server sends too slowly, {self._received:,} bytes in {self._waited:,.0f} seconds"
            )
        return count

    def begin_body(self, max_bytes: int) -> None:
        """The head is complete; the body may have `max_bytes`, and as many for its framing."""
        self._max = self._received + 2 * max_bytes + FRAMING_BYTES

    def end(self) -> None:
        """Ignore whatever else the server sends."""
        self._ended = True

    def close(self) -> None:
        self._raw.close()
        super().close()
