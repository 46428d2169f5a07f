"""How fast the service is: `python tests/benchmarks/service.py [seconds]` prints ratios measured in this run."""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from fairness import fairness
from loopback import SEEDS, load, numbered, server
from measure import best_of, emptied, program, scratch, table

CLIENTS = 32
CONSTANT = """
from fastapi import FastAPI, Response
app, body = FastAPI(), bytes(1500)

@app.get("/constant.png")
async def constant() -> Response:
    return Response(body, media_type="image/png")
"""


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
        ("`GET ….png` against a constant PNG", f"{best['plain'] / best['constant']:.2f}", "≥ 0.6"),
        ("the same with `augment=light`", f"{best['light'] / best['constant']:.2f}", "≥ 0.3"),
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
    rows = images(2) + answers(3) + datasets(100_000) + crowd(time_each) + fairness(3)
    table("service, ratios within one run", rows)
