"""How many bytes a server may send, and how long it may take."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from typing import Any

FRAMING_BYTES = 1 << 18  # allowed for head and chunked encoding, besides twice the size of the body


class TransferError(Exception):
    """A download from one URL failed; the message says why."""


class InterruptedTransferError(TransferError):
    """A download broke off, or the server is busy: another attempt may succeed. wait: seconds until then, if known."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


class SlowServerError(TimeoutError):
    """An answer takes too long. A `TimeoutError`, so that urllib3 treats it as one."""


@dataclass(frozen=True)
class DownloadLimits:
    """How long to wait for a server.

    connect, read: seconds to connect, and between two pieces of data; attempts: requests before giving up; backoff:
    seconds, doubled after each attempt; grace, min_speed: an answer may take `grace` seconds, plus one for every
    `min_speed` bytes.
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

    def __init__(self, raw: Any, limits: DownloadLimits, max_bytes: int) -> None:
        self._raw, self._limits = raw, limits
        self._max = 2 * max_bytes + FRAMING_BYTES
        self._received, self._waited, self._ended = 0, 0.0, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._ended:
            return 0
        # Only the time that the server takes is counted, not that in which the caller writes to a slow disk.
        before = time.monotonic()
        count: int | None = self._raw.readinto(buffer)
        self._waited += time.monotonic() - before
        self._received += count or 0
        if self._received > self._max:
            raise TransferError("the server sends more than expected")
        if count and self._waited > self._limits.grace + self._received / self._limits.min_speed:
            raise SlowServerError(
                f"the server sends too slowly, {self._received:,} bytes in {self._waited:,.0f} seconds"
            )
        return count

    def end(self) -> None:
        """Ignore whatever else the server sends."""
        self._ended = True

    def close(self) -> None:
        self._raw.close()
        super().close()
