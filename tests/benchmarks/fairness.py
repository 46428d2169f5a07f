"""How long a client waits beside another one that asks for much, against how long it waits alone.

`python tests/benchmarks/fairness.py [seconds]`. A client is an address: the one that waits asks from 127.0.0.2, one
request after the other, in a process of its own. Needs wrk.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from loopback import SEEDS, numbered, server
from measure import scratch, table

ROUNDS = 5
PLAIN = "/v1/sequences/DIGITS.png?seed=SEED"
WAITING = {
    "png": PLAIN,
    "png light": f"{PLAIN}&augment=light",
    "12 samples": "/v1/samples.json?count=12&number=DIGITS&seed=SEED",
}
LOOKS = f"{PLAIN}&augment=heavy&image_width=LOOK"
SHEETS = "/v1/samples.json?count=100&augment=heavy&number=DIGITS&seed=SEED"
DATA_SETS = 4
LARGE = {"number": "123456", "size": 100_000, "seed": 1, "format": "webdataset"}
Load = Callable[[int], AbstractContextManager[object]]


def fairness(seconds: float) -> list[tuple[str, str, str]]:
    """A row for each of `WAITING` beside each of `loads`: the ratio of the 99th percentiles."""
    rows = []
    with scratch() as folder:
        for load, begin in loads(folder).items():
            for name, path in WAITING.items():
                with server("-m", "digitseq.service", "--port", "PORT") as (port, _):
                    waited(port, path, 1)
                    alone, beside = [], []
                    for _ in range(ROUNDS):
                        alone.append(waited(port, path, seconds))
                        with begin(port):
                            time.sleep(0.5)
                            beside.append(waited(port, path, seconds))
                mine, theirs = statistics.median(alone), statistics.median(beside)
                row = (f"{name}, beside {load}: p99", f"{theirs:.1f} ms / {mine:.1f} ms = {theirs / mine:.1f}", "≤ 3")
                print(row, flush=True)
                rows.append(row)
    return rows


def loads(folder: Path) -> dict[str, Load]:
    """What another client does meanwhile, by its description."""
    return {
        "64 connections that ask for PNGs": lambda port: flood(port, PLAIN, 64, folder),
        "64 that ask for PNGs with `augment=heavy`, each of another look": lambda port: flood(port, LOOKS, 64, folder),
        f"{DATA_SETS} data sets of {LARGE['size']:,}": data_sets,
        "32 that ask for 100 samples with `augment=heavy`": lambda port: flood(port, SHEETS, 32, folder),
    }


@contextlib.contextmanager
def flood(port: int, path: str, connections: int, folder: Path) -> Iterator[None]:
    """`connections` from 127.0.0.1 that ask again when they are answered."""
    (folder / "flood.lua").write_text(SEEDS.replace("PATH", path))
    words = ["wrk", "-t1", f"-c{connections}", "-d600s", "-s", str(folder / "flood.lua"), f"http://127.0.0.1:{port}"]
    with ended(words):
        yield


@contextlib.contextmanager
def data_sets(port: int) -> Iterator[None]:
    """Several data sets at a time from 127.0.0.1, in a process of its own."""
    with ended([sys.executable, __file__, "posts", str(port)]):
        yield


@contextlib.contextmanager
def ended(words: list[str]) -> Iterator[None]:
    """The command, killed afterwards. It gets the time that nobody else wants: it stands for another machine."""
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
        os.sched_setscheduler(process.pid, os.SCHED_IDLE, os.sched_param(0))
        try:
            yield
        finally:
            assert process.poll() is None, words
            process.kill()


def waited(port: int, path: str, seconds: float) -> float:
    """The 99th percentile of the milliseconds that a client at 127.0.0.2 waits."""
    words = [sys.executable, __file__, "ask", str(port), path, str(seconds)]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def ask(port: int, path: str, seconds: float) -> None:
    """Ask one after the other and print the 99th percentile."""
    connection = http.client.HTTPConnection("127.0.0.1", port, source_address=("127.0.0.2", 0))
    following, times, end = numbered(path), list[float](), time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        connection.request("GET", following())
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        times.append(1000 * (time.perf_counter() - began))
    print(sorted(times)[int(0.99 * len(times))])


def posts(port: int) -> None:
    """Have data sets made and drop them; those that are refused are asked for again."""

    def post() -> None:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("POST", "/v1/datasets", json.dumps(LARGE), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            if answer.status != 200:
                time.sleep(0.1)
            while answer.read(1 << 20):
                pass

    for _ in range(DATA_SETS):
        threading.Thread(target=post).start()


if __name__ == "__main__":
    if sys.argv[1:2] == ["ask"]:
        ask(int(sys.argv[2]), sys.argv[3], float(sys.argv[4]))
    elif sys.argv[1:2] == ["posts"]:
        posts(int(sys.argv[2]))
    else:
        table("fairness, one run", fairness(float(sys.argv[1]) if len(sys.argv) > 1 else 3))
