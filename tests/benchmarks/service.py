"""How fast the service is: `python tests/benchmarks/service.py [seconds]` prints ratios measured in this run."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from measure import ROOT, best_of, emptied, program, scratch, table

CLIENTS = 32
CONSTANT = """
from fastapi import FastAPI, Response
app, body = FastAPI(), bytes(1500)

@app.get("/constant.png")
async def constant() -> Response:
    return Response(body, media_type="image/png")
"""

SEEDS = """
seed = 0
function request()
  seed = seed + 1
  local path = string.gsub("PATH", "SEED", seed)
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


def rate(port: int, path: str, seconds: float, folder: Path) -> float:
    """Answers a second, by wrk: a loader in Python would be slower than what it measures."""
    (folder / "seeds.lua").write_text(SEEDS.replace("PATH", path))
    address = f"http://127.0.0.1:{port}"
    command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "-s", str(folder / "seeds.lua"), address]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Non-2xx" not in said, said
    return float(said.partition("Requests/sec:")[2].split()[0])


def images(seconds: int) -> list[tuple[str, str, str]]:
    """Requests a second, against an endpoint of FastAPI that does nothing."""
    if shutil.which("wrk") is None:
        print("images a second are measured with wrk: apt-get install wrk")
        return []
    uvicorn = ("-m", "uvicorn", "constant:app", "--port", "PORT", "--log-level", "error", "--no-access-log")
    with scratch() as folder, server("-m", "digitseq.service", "--port", "PORT") as (ours, _):
        (folder / "constant.py").write_text(CONSTANT)
        with server(*uvicorn, PYTHONPATH=str(folder)) as (theirs, _):
            rivals = {
                "plain": (ours, "/v1/sequences/DIGITS.png?min_spacing=5&seed=SEED"),
                "light": (ours, "/v1/sequences/DIGITS.png?augment=light&seed=SEED"),
                "constant": (theirs, "/constant.png?seed=SEED"),
            }
            best = dict.fromkeys(rivals, 0.0)
            for _ in range(5):
                for name, (port, path) in rivals.items():
                    best[name] = max(best[name], rate(port, path, seconds, folder))
    print(f"{CLIENTS} clients: " + ", ".join(f"{name} {value:,.0f}/s" for name, value in best.items()))
    return [
        ("`GET ….png` against a constant PNG", f"{best['plain'] / best['constant']:.2f}", "≥ 0.5"),
        ("the same with `augment=light`", f"{best['light'] / best['constant']:.2f}", ""),
    ]


def answers(seconds: float) -> list[tuple[str, str, str]]:
    """How long one client waits for a picture of other digits each time, one request after the other."""
    rows = []
    with server("-m", "digitseq.service", "--port", "PORT", "--client_percent", "100") as (port, _):
        for augment, most in (("", ""), ("light", "≤ 3.5 ms"), ("medium", "≤ 6 ms")):
            picture = numbered(f"/v1/sequences/DIGITS.png?seed=SEED{'&augment=' * bool(augment)}{augment}")
            times, statuses = asyncio.run(load(port, picture, 1, seconds))
            assert set(statuses) == {b"200"}, statuses
            median = 1000 * sorted(times)[len(times) // 2]
            name = f"`GET DIGITS.png{'?augment=' * bool(augment)}{augment}`, other digits each time: median"
            rows.append((name, f"{median:.1f} ms", most))
    return rows


def datasets(count: int) -> list[tuple[str, str, str]]:
    """Images a second, against the command line."""
    body = json.dumps({"number": "123456", "min_spacing": 5, "size": count, "seed": 1, "format": "webdataset"})
    with scratch() as folder, server("-m", "digitseq.service", "--port", "PORT") as (port, process):

        def ours() -> float:
            began = time.perf_counter()
            with open(folder / "ours.tar", "wb") as file:
                for piece in posted(port, body):
                    file.write(piece)
            return time.perf_counter() - began

        def theirs() -> float:
            shard = ("--format", "webdataset", "--shard_size", count, "-m", 1)
            return program("-num", "123456", "-min", 5, "-s", count, "--seed", 1, *shard, "-o", emptied(folder / "out"))

        best = best_of({"ours": ours, "theirs": theirs}, rounds=3)
        same = (folder / "ours.tar").read_bytes() == (folder / "out/123456/123456-000000.tar").read_bytes()
        peak = peak_megabytes(process.pid)
    assert same
    return [
        (
            f"`POST /v1/datasets`, webdataset, {count:,} images, against `run.py -m 1`",
            f"{best['theirs'] / best['ours']:.2f}",
            "≥ 0.5",
        ),
        ("peak memory of the service", f"{peak:.0f} MB", "≤ 300 MB"),
    ]


def posted(port: int, body: str) -> Iterator[bytes]:
    """The answer to `POST /v1/datasets`, piece by piece."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/v1/datasets", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    while piece := answer.read(1 << 20):
        yield piece


def peak_megabytes(process: int) -> float:
    """The largest resident size that the process had."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def crowd(seconds: float) -> list[tuple[str, str, str]]:
    """200 clients at once: errors, and how long the slowest hundredth waits."""
    picture = numbered("/v1/sequences/DIGITS.png?image_width=200&seed=SEED")
    with server("-m", "digitseq.service", "--port", "PORT", "--client_percent", "100") as (port, _):
        times, statuses = asyncio.run(load(port, picture, 200, seconds))
    refused = sum(count for status, count in statuses.items() if status != b"200")
    assert set(statuses) <= {b"200", b"429", b"503"}, statuses
    p99 = sorted(times)[int(0.99 * len(times))]
    return [
        (f"200 clients for {seconds:.0f} s: p99", f"{1000 * p99:.0f} ms", ""),
        ("the same: answers other than 200 (429 and 503 only)", f"{refused} of {len(times):,}", ""),
    ]


if __name__ == "__main__":
    time_each = float(sys.argv[1]) if len(sys.argv) > 1 else 30
    table("service, ratios within one run", images(2) + answers(3) + datasets(100_000) + crowd(time_each))
