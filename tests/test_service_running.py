"""The service under load, under attack, and when it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
import time

import pytest

pytest.importorskip("fastapi")
import httpx
from support.paths import ROOT
from support.service import serve

sys.path.insert(0, str(ROOT / "tests" / "benchmarks"))

PNG = "/v1/sequences/123456.png"
BODY = {"number": "123456", "size": 100_000, "seed": 1, "format": "webdataset"}


@pytest.fixture
def served(cache, tmp_path):
    with serve(tmp_path, "--receive_seconds", 1) as running:
        yield running


def read_all(connection: socket.socket) -> bytes:
    found = b""
    while piece := connection.recv(65_536):
        found += piece
    return found


def test_clients_that_send_slowly_are_cut_off(served):
    def speak(text: bytes) -> tuple[bytes, float]:
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
            connection.sendall(text)
            return read_all(connection), time.monotonic() - began

    for text in (b"", b"GET /v1/seq", b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n"):
        answer, seconds = speak(text)
        assert answer == b""
        assert 0.5 < seconds < 5
    head = b"POST /v1/datasets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{"
    answer, seconds = speak(head)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert seconds < 5
    assert served.client.get(PNG).status_code == 200


def test_bodies_of_ten_megabytes_leave_no_trace(served):
    def post() -> int:
        pieces = (b" " * 100_000 for _ in range(100))
        try:
            answer = httpx.post(
                f"{served.url}/v1/datasets", content=pieces, headers={"Content-Type": "application/json"}
            )
            return answer.status_code
        except httpx.TransportError:  # it was refused before all of it was sent
            return 413

    post()
    before = served.memory()
    assert {post() for _ in range(40)} == {413}
    assert served.memory() < before + 10
    assert served.client.get(PNG).status_code == 200


def test_a_client_that_leaves_stops_its_work(served):
    with served.client.stream("POST", "/v1/datasets", json=BODY | {"augment": ["heavy"]}) as answer:
        assert answer.status_code == 200
        next(answer.iter_raw())
    time.sleep(1.5)
    before = cpu_seconds(served.process.pid)
    time.sleep(1)
    assert cpu_seconds(served.process.pid) - before < 0.3


def test_a_client_that_leaves_before_the_first_byte_stops_its_work(served):
    slow = BODY | {"augment": ["heavy"], "format": "npz"}
    with pytest.raises(httpx.ReadTimeout):
        served.client.post("/v1/datasets", json=slow, timeout=0.8)
    time.sleep(1.5)
    before = cpu_seconds(served.process.pid)
    time.sleep(1)
    assert cpu_seconds(served.process.pid) - before < 0.3


def cpu_seconds(process: int) -> float:
    with open(f"/proc/{process}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_too_many_data_sets_at_once(served):
    with served.client.stream("POST", "/v1/datasets", json=BODY) as first:
        assert first.status_code == 200
        others = [served.client.stream("POST", "/v1/datasets", json=BODY) for _ in range(4)]
        statuses = []
        for other in others:
            statuses.append(other.__enter__().status_code)
        for other in others:
            other.__exit__(None, None, None)
    assert statuses == [200, 200, 200, 429]


def test_an_answer_that_takes_too_long_is_given_up(cache, tmp_path):
    with serve(tmp_path, "--max_seconds", 1) as served:
        slow = BODY | {"augment": ["heavy"], "format": "npz", "size": 50_000}
        began = time.monotonic()
        assert served.client.post("/v1/datasets", json=slow).status_code == 503
        with pytest.raises(httpx.TransportError):  # its beginning was sent already
            served.client.post("/v1/datasets", json=slow | {"format": "zip"})
        assert time.monotonic() - began < 10
        assert served.client.get(PNG).status_code == 200


def test_sigterm_lets_answers_finish_and_takes_no_new_ones(served):
    sent: list[bytes] = []
    answers: list[int] = []

    def download() -> None:
        with httpx.stream("POST", f"{served.url}/v1/datasets", json=BODY | {"size": 60_000}, timeout=60) as answer:
            for piece in answer.iter_raw():
                sent.append(piece)

    thread = threading.Thread(target=download)
    thread.start()
    while not sent:
        time.sleep(0.01)
    served.process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    for _ in range(2):
        answers.append(httpx.get(f"{served.url}{PNG}").status_code)
    answers.append(httpx.get(f"{served.url}/readyz").status_code)
    thread.join()
    assert answers == [503, 503, 503]
    whole = b"".join(sent)
    assert whole.endswith(bytes(1024)) and len(whole) % 10_240 == 0
    served.process.wait(10)
    assert "Traceback" not in served.log()


def test_the_death_of_a_worker_is_survived(cache, tmp_path):
    with serve(tmp_path, "--workers", 2) as served:
        children = workers(served.process.pid)
        assert len(children) == 2
        os.kill(children[0], signal.SIGKILL)
        good = 0
        for _ in range(100):
            try:
                with httpx.Client() as fresh:
                    good += fresh.get(f"{served.url}{PNG}").status_code == 200
            except httpx.TransportError:  # the connection was the dead one's
                pass
            time.sleep(0.02)
        assert good >= 90
        for _ in range(100):
            if len(workers(served.process.pid)) == 2:
                break
            time.sleep(0.1)
        assert len(workers(served.process.pid)) == 2
        seen = {served.client.get("/metrics").text.count("digitseq_requests_total{") > 0 for _ in range(5)}
        assert seen == {True}


def workers(parent: int) -> list[int]:
    """The processes that serve: those of the parent that are uvicorn's."""
    found = []
    with open(f"/proc/{parent}/task/{parent}/children") as file:
        for child in file.read().split():
            try:
                with open(f"/proc/{child}/cmdline") as line:
                    if "spawn_main" in line.read():
                        found.append(int(child))
            except OSError:
                continue
    return found


@pytest.mark.slow
def test_a_crowd_and_its_memory(served):
    from service import load, numbered

    picture = numbered(f"{PNG}?image_width=200&seed=SEED")
    for clients, seconds in ((10, 1), (200, 6)):
        times, statuses = asyncio.run(load(served.port, picture, clients, seconds))
        assert set(statuses) <= {b"200", b"429", b"503"}
        assert statuses[b"200"] > 100
    before = served.memory()
    while len(times) < 10_000:
        times += asyncio.run(load(served.port, picture, 50, 2))[0]
    assert served.memory() < 1.1 * before


@pytest.mark.slow
def test_a_large_data_set_takes_no_more_memory(served):
    bytes_sent, peak = 0, 0.0
    with served.client.stream("POST", "/v1/datasets", json=BODY | {"format": "zip"}) as answer:
        for piece in answer.iter_raw():
            bytes_sent += len(piece)
            if bytes_sent % 50 == 0:
                peak = max(peak, served.memory())
    assert bytes_sent > 100_000_000
    assert max(peak, served.memory()) < 300
