"""Servers on the loopback interface, and clients that ask for other digits and another seed each time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from measure import ROOT

SEEDS = """
seed = 0
function request()
  seed = seed + 1
  local path = string.gsub("PATH", "SEED", seed)
  path = string.gsub(path, "LOOK", 200 + seed % 500)
  return wrk.format("GET", (string.gsub(path, "DIGITS", string.format("%06d", seed % 1000000))))
end
"""


@contextlib.contextmanager
def server(*command: str, **environment: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A server on a free port, which takes the place of PORT in its command; its port and process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, *(str(port) if word == "PORT" else word for word in command)]
    variables = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"} | environment
    with subprocess.Popen(words, stderr=subprocess.DEVNULL, env=variables) as process:
        try:
            for _ in range(200):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.05)
            yield port, process
        finally:
            process.terminate()


class Client(asyncio.Protocol):
    """Sends one request after the other over one connection, and notes how long each took."""

    def __init__(self, path: Callable[[], str], seconds: list[float], statuses: dict[bytes, int]) -> None:
        self._path, self._seconds, self._statuses = path, seconds, statuses
        self._seen, self._length = b"", -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._seen += data
        if self._length < 0 and b"\r\n\r\n" in self._seen:
            head = self._seen.partition(b"\r\n\r\n")[0]
            body = int(head.lower().partition(b"content-length: ")[2].split()[0])
            self._length = len(head) + 4 + body
        if 0 <= self._length <= len(self._seen):
            status = self._seen[9:12]
            self._statuses[status] = self._statuses.get(status, 0) + 1
            self._seconds.append(time.perf_counter() - self._began)
            self._ask()

    def _ask(self) -> None:
        self._seen, self._length, self._began = b"", -1, time.perf_counter()
        self._transport.write(f"GET {self._path()} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())


async def load(
    port: int, path: Callable[[], str], clients: int, seconds: float
) -> tuple[list[float], dict[bytes, int]]:
    """Seconds of every answer within `seconds`, and how many answers had each status."""
    times: list[float] = []
    statuses: dict[bytes, int] = {}
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Client(path, times, statuses), "127.0.0.1", port) for _ in range(clients)
    ]
    await asyncio.sleep(seconds)
    for transport, _ in made:
        transport.abort()
    return times, statuses


def numbered(path: str) -> Callable[[], str]:
    """`path` with other digits and another seed at every call."""
    seeds = iter(range(10**9))

    def following() -> str:
        seed = next(seeds)
        return path.replace("SEED", str(seed)).replace("DIGITS", f"{seed % 10**6:06d}")

    return following
