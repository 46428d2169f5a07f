"""Malformed, oversized and slow requests, and clients that do not read: each gets one line, and no memory."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
import httpx
from support.processes import wait_until
from support.service import serve

PNG = "/v1/sequences/123456.png"
GET = b"GET /v1/options HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /v1/datasets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
KEY = b"Authorization: Bearer secret\r\n"
CHUNKED = POST + KEY + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = {"number": "123456", "size": 100_000, "seed": 1, "format": "webdataset"}


@pytest.fixture(scope="module")
def served(cache, tmp_path_factory):
    with serve(tmp_path_factory.mktemp("service"), "--receive_seconds", 1, DIGITSEQ_API_KEY="secret") as running:
        running.client.headers["Authorization"] = "Bearer secret"
        yield running


def speak(port: int, *pieces: bytes) -> bytes:
    """What the service says to these bytes before it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        found = b""
        try:
            for piece in pieces:
                connection.sendall(piece)
            while piece := connection.recv(65_536):
                found += piece
        except ConnectionError:
            pass
        return found


def at_once(port: int, *said: Iterable[bytes]) -> list[bytes]:
    """What `speak` returns for each of these, all at the same time."""
    with ThreadPoolExecutor(len(said)) as threads:
        return list(threads.map(lambda pieces: speak(port, *pieces), said))


def problem(answer: bytes, status: int) -> dict:
    """The problem that `answer` is."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), answer[:200]
    assert b"application/problem+json" in head and b"connection: close" in head.lower()
    found = json.loads(body)
    assert found["status"] == status and "\n" not in found["detail"]
    return found


def endless(first: bytes, piece: bytes):
    """`first`, then 20 MB of `piece` again and again."""
    return itertools.chain([first], itertools.repeat(piece * (100_000 // len(piece)), 200))


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (GET, b"X: \r\n"),
        (GET + b"X: ", b"a"),
        (GET, b"a"),
        (b"GET /v1/sequences/", b"1"),
        (b"GET /v1/options?", b"a=1&"),
        (b"", b"\r\n"),
        (CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: a\r\n"),
        (CHUNKED + b"2\r\n{}\r\n0\r\nX: ", b"a"),
        (CHUNKED + b"2", b";a=b"),
    ],
    ids=["headers", "header", "name", "path", "query", "lines", "trailers", "trailer", "chunk extensions"],
)
def test_heads_without_end_are_refused_before_the_key_is_asked_for(served, first, piece):
    served.client.get(PNG)
    before = served.memory()
    answer = speak(served.port, *endless(first, piece))
    problem(answer, 431)
    assert served.memory() < before + 20
    assert served.client.get(PNG).status_code == 200


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (GET + KEY + b"X: \r\n" * 98 + b"\r\n", 200),
        (GET + KEY + b"X: \r\n" * 99 + b"\r\n", 431),
        (GET + b"X: " + b"a" * 64_000 + b"\r\n\r\n", 401),
        (GET + b"X: " + b"a" * 65_536 + b"\r\n\r\n", 431),
    ],
)
def test_a_head_has_at_most_64_kilobytes_and_100_headers(served, head, status):
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        connection.sendall(head)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize(
    "head",
    [b"BOGUS\r\n\r\n", b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n",
     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
     b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n", b"\x16\x03\x01\x02\x00\x01"],
)  # fmt: skip
def test_what_is_no_request_is_a_problem(served, head):
    problem(speak(served.port, head), 400)


def test_clients_that_send_nothing_more_are_cut_off(served):
    heads = (b"", b"GET /v1/seq", GET + b"X-A: b\r\n", b"\r\n")
    body = KEY + b"Content-Length: 90\r\n\r\n{"
    *nothing, asked_for, unread = at_once(served.port, *([head] for head in heads), [POST + body], [GET + body])
    assert nothing == [b""] * len(heads)
    problem(asked_for, 408)
    assert unread.startswith(b"HTTP/1.1 200 ")  # nobody reads its body, and the connection ends as any idle one


def test_a_chunked_body_without_end_is_refused(served):
    before = served.memory()
    firsts = (CHUNKED, GET + b"Transfer-Encoding: chunked\r\n\r\n", CHUNKED.replace(b"secret", b"wrong"))
    for answer in at_once(served.port, *(endless(first, b"1000\r\n" + b" " * 4096 + b"\r\n") for first in firsts)):
        assert answer[9:12] in (b"", b"413", b"401", b"200")
    assert served.memory() < before + 20


ONE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def test_few_requests_may_be_sent_ahead(served):
    """HTTP lets a server close a connection after any answer; what was sent meanwhile is asked for again."""
    assert speak(served.port, ONE + ONE).count(b"HTTP/1.1 200 ") == 2
    before = served.memory()
    assert speak(served.port, *endless(b"", ONE)).count(b"HTTP/1.1 ") <= 2
    assert served.memory() < before + 20


@pytest.mark.parametrize("bad", [b"BOGUS\r\n\r\n", GET + b"X: " + b"a" * 65_536 + b"\r\n\r\n"])
def test_bytes_after_a_request_do_not_spoil_its_answer(served, bad):
    answer = speak(served.port, ONE + bad)
    assert answer.count(b"HTTP/1.1 200 ") == answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("more", [b"", ONE, POST + b"Content-Length: 900000\r\n\r\n" + bytes(900_000)])
def test_a_client_that_leaves_ends_all_that_it_has_sent_ahead(cache, tmp_path, more):
    with serve(tmp_path, "--max_streams", 1, "--client_percent", 100) as served:
        body = json.dumps(BODY | {"augment": ["heavy"], "format": "npz"}).encode()
        wait_until(lambda: served.client.get("/v1/samples.json?number=1").status_code == 200)
        wait_until(lambda: served.busy() == 0)  # the process that is there from the start has begun
        with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
            connection.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            wait_until(lambda: served.busy() > 0)
            connection.sendall(more)
        wait_until(lambda: served.client.post("/v1/datasets", json=BODY | {"size": 5}).status_code == 200)


def test_every_method_is_answered_on_one_connection(served):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", served.port)) as connection:
        for path in ("/", "/docs", "/static/app.js", "/healthz", "/v1/datasets", "/v1/sequences/1.png", "/nothing"):
            for method in ("HEAD", "OPTIONS", "GET", "HEAD", "TRACE", "PATCH", "PUT", "DELETE"):
                connection.request(method, path)
                answer = connection.getresponse()
                body = answer.read()
                assert answer.status < 500, (method, path)
                if answer.status >= 400:
                    assert answer.headers["Content-Type"] == "application/problem+json"
                    assert method == "HEAD" or json.loads(body)["status"] == answer.status


def test_requests_one_after_the_other_share_a_connection(served):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", served.port)) as connection:
        for _ in range(3):
            connection.request("GET", "/healthz")
            first = connection.sock
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b'{"status":"alive"}')
            assert connection.sock is first is not None


@pytest.mark.parametrize("reading", [True, False])
def test_an_answer_that_takes_too_long_ends_with_its_connection_and_frees_its_slot(cache, tmp_path, reading):
    """Also when the client does not read: bytes that it never takes keep no connection open."""
    with serve(tmp_path, "--max_seconds", 3, "--max_streams", 1, "--client_percent", 100) as served:
        body = json.dumps(BODY | {"augment": ["heavy"]}).encode()
        with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
            connection.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            assert connection.recv(9, socket.MSG_PEEK | socket.MSG_WAITALL) == b"HTTP/1.1 "

            def answer() -> int:
                with served.client.stream("POST", "/v1/datasets", json=BODY | {"size": 5}) as found:
                    return found.status_code

            assert answer() == 429
            if reading:
                with contextlib.suppress(ConnectionError):
                    while connection.recv(65_536):
                        pass
            wait_until(lambda: answer() == 200)
            wait_until(lambda: connections(served.process.pid) == 0)
        assert "Traceback" not in served.log()


def connections(process: int) -> int:
    """How many TCP sockets the process has beside the one that it listens on."""
    inodes = set()
    for link in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[9] in inodes and row[3] != "0A" for row in rows)


def test_a_slow_client_keeps_no_connection_of_others(served):
    """Twenty connections that say nothing, and one that asks."""
    quiet = [socket.create_connection(("127.0.0.1", served.port), timeout=60) for _ in range(20)]
    assert httpx.get(f"{served.url}/healthz").status_code == 200
    for connection in quiet:
        assert connection.recv(1) == b""
        connection.close()
