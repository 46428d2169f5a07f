"""The service under load, under attack, and when it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
import httpx
from support.paths import ROOT
from support.processes import children, wait_for_end, wait_until
from support.service import serve

from digitseq.service.progress import MEDIA_TYPE

sys.path.insert(0, str(ROOT / "tests" / "benchmarks"))

PATHS = {"PYTHONPATH": str(ROOT)}
PNG = "/v1/sequences/123456.png"
BODY = {"number": "123456", "size": 100_000, "seed": 1, "format": "webdataset"}


@pytest.fixture
def served(cache, tmp_path):
    with serve(tmp_path, "--receive_seconds", 1) as running:
        yield running


def test_a_port_in_use_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "digitseq.service", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ | PATHS)
    expected = (
        f"digitseq: error: cannot listen on host 127.0.0.1, port {port}: {os.strerror(errno.EADDRINUSE)}; "
        "give another --host or --port (0: any free one)\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", expected)


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
        # between two pieces nothing is made; so much is to be sent that it is seen at work before the end
        assert any(served.busy() > 0 for _ in answer.iter_raw())
    wait_until(lambda: served.busy() == 0)


@pytest.mark.parametrize(
    "slow",
    [
        {"augment": ["heavy"], "format": "npz"},  # made on disk before a byte is sent
        {"number": None, "pattern": "[0-9]{4}0{200}", "unique": True, "size": 10_000, "image_width": 0},
    ],
    ids=["npz", "unique"],
)
def test_a_client_that_leaves_before_the_first_byte_stops_its_work(served, slow):
    body = {name: value for name, value in (BODY | slow).items() if value is not None}
    for _ in range(2):
        connection = http.client.HTTPConnection("127.0.0.1", served.port)
        connection.request("POST", "/v1/datasets", json.dumps(body), {"Content-Type": "application/json"})
        wait_until(lambda: served.busy() > 0)
        connection.close()
        wait_until(lambda: served.busy() == 0)
    assert "Traceback" not in served.log()


def test_too_many_data_sets_at_once(cache, tmp_path):
    with serve(tmp_path, "--max_streams", 2, "--client_percent", 100) as served, contextlib.ExitStack() as open_ones:
        body = BODY | {"augment": ["heavy"]}
        answers = [open_ones.enter_context(served.client.stream("POST", "/v1/datasets", json=body)) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]


def test_one_address_leaves_places_to_others(served):
    """Of four data sets at once one address has two; another address gets the third."""
    with contextlib.ExitStack() as open_ones:
        body = BODY | {"augment": ["heavy"]}
        statuses = []
        for address in ("127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.2"):
            transport = httpx.HTTPTransport(local_address=address)
            client = open_ones.enter_context(httpx.Client(transport=transport, base_url=served.url, timeout=60))
            statuses.append(open_ones.enter_context(client.stream("POST", "/v1/datasets", json=body)).status_code)
        assert statuses == [200, 200, 429, 200]


def test_an_image_does_not_wait_for_sample_sheets(cache, tmp_path):
    """As many sheets as there are places for wait: an image comes meanwhile."""
    with serve(tmp_path, "--concurrency", 1, "--client_percent", 100) as served, contextlib.ExitStack() as open_ones:
        sheet = (
            "GET /v1/samples.json?number=123456&augment=heavy&image_width=9000&count=100 HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        asked = []
        for _ in range(258):
            asked.append(open_ones.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=60)))
            asked[-1].sendall(sheet.encode())
        answered, _, _ = select.select(asked, [], [], 60)
        assert answered[0].recv(12) == b"HTTP/1.1 429"  # all places are taken
        for path in (PNG, "/v1/sequences/4711.png?augment=light", "/v1/sequences/0815.json", "/v1/phone-numbers.png"):
            assert status(served, path) == 200
        assert status(served, "/v1/samples.json?number=1") == 429


def status(served, path: str) -> int:
    return served.client.get(path).status_code


def test_an_answer_that_takes_too_long_is_given_up(cache, tmp_path):
    with serve(tmp_path, "--max_seconds", 1) as served:
        slow = BODY | {"augment": ["heavy"], "format": "npz", "size": 100_000, "image_width": 300}
        assert served.client.post("/v1/datasets", json=slow).status_code == 503
        with contextlib.suppress(httpx.TransportError):  # broken off, where its beginning was sent already
            assert served.client.post("/v1/datasets", json=slow | {"format": "zip"}).status_code == 503
        wait_until(lambda: served.busy() == 0)
        assert served.client.get(PNG).status_code == 200


def test_sigterm_lets_answers_finish_and_takes_no_new_ones(served):
    sent: list[bytes] = []
    answers: list[int] = []

    with served.client.stream("POST", "/v1/datasets", json=BODY | {"size": 60_000}) as answer:
        pieces = answer.iter_raw()
        sent.append(next(pieces))  # the rest waits until it is read
        served.process.send_signal(signal.SIGTERM)
        wait_until(lambda: httpx.get(f"{served.url}/readyz").status_code == 503)
        for _ in range(2):
            answers.append(httpx.get(f"{served.url}{PNG}").status_code)
        sent.extend(pieces)
    assert answers == [503, 503]
    whole = b"".join(sent)
    assert whole.endswith(bytes(1024)) and len(whole) % 10_240 == 0
    served.process.wait(60)
    assert "Traceback" not in served.log()


def test_a_second_ctrl_c_ends_it_at_once_and_well(cache, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with serve(tmp_path, TMPDIR=str(temporary)) as served:
        with served.client.stream("POST", "/v1/datasets", json=BODY | {"augment": ["heavy"]}) as answer:
            pieces = answer.iter_raw()
            next(pieces)
            served.process.send_signal(signal.SIGINT)
            wait_until(lambda: "CTRL+C to force quit" in served.log())
            served.process.send_signal(signal.SIGINT)
            with pytest.raises(httpx.TransportError):
                list(pieces)
        assert served.process.wait(60) in (0, 130)  # as the release of uvicorn has it
        assert "Traceback" not in served.log()
        assert list(temporary.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("accept", ["*/*", MEDIA_TYPE])  # the head of an answer with progress is sent already
@pytest.mark.parametrize("processes", [1, 2])
def test_sigterm_leaves_nothing_behind(cache, tmp_path, processes, accept):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with serve(tmp_path, "--workers", processes, "--drain_seconds", 1, TMPDIR=str(temporary)) as served:
        slow = BODY | {"augment": ["heavy"], "format": "npz"}
        connection = http.client.HTTPConnection("127.0.0.1", served.port)
        headers = {"Content-Type": "application/json", "Accept": accept}
        connection.request("POST", "/v1/datasets", json.dumps(slow), headers)
        wait_until(lambda: any(temporary.glob("digitseq-*/kept/*.arrays")))
        started = children(served.process.pid)
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(60) == 0
        wait_for_end(started)
        assert list(temporary.iterdir()) == []
        connection.close()


@pytest.mark.slow
def test_what_outlasts_the_shutdown_is_told_so(cache, tmp_path):
    """A data set that is still assembled when all grace periods are over."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with serve(tmp_path, "--drain_seconds", 1, TMPDIR=str(temporary)) as served, ThreadPoolExecutor(1) as thread:
        slow = BODY | {"augment": ["heavy"], "format": "npz"}
        asked = thread.submit(served.client.post, "/v1/datasets", json=slow)
        wait_until(lambda: any(temporary.glob("digitseq-*/kept/*.arrays")))
        served.process.send_signal(signal.SIGTERM)
        answer = asked.result(60)
        assert (answer.status_code, answer.json()["detail"]) == (503, "the service is shutting down")
        assert served.process.wait(60) == 0
        assert "Traceback" not in served.log()


@pytest.mark.slow
def test_workers_end_with_their_parent(cache, tmp_path):
    with serve(tmp_path, "--workers", 2) as served:
        started = children(served.process.pid)
        served.process.kill()
        served.process.wait()
        wait_for_end(started)


@pytest.mark.slow
def test_the_death_of_a_worker_is_survived(cache, tmp_path):
    with serve(tmp_path, "--workers", 2) as served:
        first = workers(served.process.pid)
        assert len(first) == 2
        os.kill(first[0], signal.SIGKILL)
        good = 0
        for _ in range(100):
            with contextlib.suppress(httpx.TransportError):  # the connection was the dead one's
                good += httpx.get(f"{served.url}{PNG}", timeout=60).status_code == 200
        assert good >= 90
        wait_until(lambda: len(set(workers(served.process.pid)) - {first[0]}) == 2)
        seen = {served.client.get("/metrics").text.count("digitseq_requests_total{") > 0 for _ in range(5)}
        assert seen == {True}


def workers(parent: int) -> list[int]:
    """The processes that serve: those of the parent that are uvicorn's."""
    return [child for child in children(parent) if b"spawn_main" in command_line(child)]


def command_line(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


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
