"""Servers that send too much, too slowly, or nonsense: bounded memory and time, and one line."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import struct
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from support.file_server import made_set
from support.paths import ROOT

from digitseq.errors import DataError
from digitseq.glyphs.downloads.download_limits import DownloadLimits, MeteredStream, SlowServerError
from digitseq.glyphs.downloads.install import install

QUICK = DownloadLimits(connect=5, read=5, attempts=2, backoff=0.01, grace=60, min_speed=1000)
IMPATIENT = replace(QUICK, read=60, grace=0.2, min_speed=1e9)
BLOCK = b"x" * (1 << 20)
MUCH = 300 * len(BLOCK)


class Talker:
    """A server on this machine that says to every request what `answer` gives, piece by piece, until nobody listens."""

    def __init__(self, answer):
        self.answer, self.sent, self.requests = answer, 0, 0
        self.gate = threading.Event()  # set when the test is over
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/"
        self.threads = [threading.Thread(target=self.listen)]
        self.threads[0].start()

    def listen(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                if self.gate.is_set():
                    return connection.close()
                self.threads.append(threading.Thread(target=self.talk, args=(connection,)))
                self.threads[-1].start()

    def talk(self, connection):
        with connection, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(4096)
            self.requests += 1
            for piece in self.answer(head.decode("latin-1")):
                connection.sendall(piece)
                self.sent += len(piece)
                if self.gate.is_set():
                    return

    def close(self):
        self.gate.set()
        with contextlib.suppress(OSError):
            socket.create_connection(self.socket.getsockname()).close()
        for thread in self.threads:
            thread.join(60)
        self.socket.close()


@pytest.fixture
def talker(monkeypatch):
    """talker(answer): such a server."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    started = []

    def start(answer):
        started.append(Talker(answer))
        return started[-1]

    yield start
    for server in started:
        server.close()


def endless(piece=BLOCK):
    for _ in range(MUCH // len(piece)):
        yield piece


def dripping(gate, piece=b"x"):
    """A piece every 20 ms, which no timeout between two pieces ends, for a minute at most."""
    for _ in range(3000):
        yield piece
        if gate.wait(0.02):
            return


def failure(url, cache, zipped=False, limits=QUICK):
    row, _ = made_set("made", (url,), zipped)
    with pytest.raises(DataError) as caught:
        install(row, cache, lambda _: None, limits=limits)
    message = str(caught.value)
    assert message.startswith(f"cannot download made ({url}: ")
    assert message.isprintable()
    kept = [path.name for path in (cache / "made").iterdir() if path.name != ".lock"]
    assert all(name.endswith(".part") for name in kept)
    return message


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

# what a server floods its client with, and what is said of it
FLOODS = {
    "body of a redirect": ([b"HTTP/1.1 302 Found\r\nLocation: x\r\n\r\n"], BLOCK, "redirected more than"),
    "body of an error": ([b"HTTP/1.1 404 No\r\n\r\n"], BLOCK, "the server answers 404 No"),
    "packed body of an error": ([b"HTTP/1.1 500 No\r\nContent-Encoding: gzip\r\n\r\n"], BLOCK, "answers 500 No"),
    "body": ([OK + b"\r\n"], BLOCK, "not the published file"),
    "status line": ([b"HTTP/1.1 200 "], BLOCK, "no connection|broke"),
    "header": ([OK + b"X: "], BLOCK, "no connection|broke"),
    "headers": ([OK], b"X: \r\n" * 10_000, "no connection|broke"),
    "interim answers": ([], b"HTTP/1.1 100 Go on\r\n\r\n" * 1000, "more than expected"),
    "length of a chunk": ([CHUNKED], BLOCK, "broke"),
    "trailers": ([CHUNKED + b"0\r\n"], b"X: y\r\n" * 1000, "more than expected"),
    "empty chunks": ([CHUNKED], b"1;" + b"y" * 50_000 + b"\r\nx\r\n", "more than expected"),
}  # fmt: skip


@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("zipped", [False, True], ids=["files", "zip"])
def test_a_flood_is_one_line(talker, tmp_path, flood, zipped):
    first, piece, message = FLOODS[flood]
    server = talker(lambda _: itertools.chain(first, endless(piece)))
    said = failure(server.url, tmp_path, zipped)
    if not zipped:  # of an archive, such an answer may mean that the server does not give parts of files
        assert any(part in said for part in message.split("|")), said
    assert server.sent < MUCH / 10


PROGRAM = """
import resource, sys
from pathlib import Path
import remotezip
from support.file_server import made_set
from digitseq.errors import DataError
from digitseq.glyphs.downloads.install import install
from digitseq.glyphs.downloads.download_limits import DownloadLimits
import digitseq.glyphs.downloads.mirrors  # loaded before memory is limited

limits = DownloadLimits(connect=5, read=5, attempts=2, backoff=0.01)
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (64 << 20),) * 2)
for name in sys.argv[3:]:
    for zipped in (False, True):
        row, _ = made_set("made", (f"{sys.argv[1]}{name}/",), zipped)
        try:
            install(row, Path(sys.argv[2]), lambda line: None, limits=limits)
        except DataError as error:
            print(error)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_a_flood_takes_no_memory(talker, tmp_path):
    def answer(head):
        name = head.split("/")[1]
        if name == "directory":
            return big_directory(head)
        first, piece, _ = FLOODS[name.replace("_", " ")]
        return itertools.chain(first, endless(piece))

    server = talker(answer)
    names = [*(name.replace(" ", "_") for name in FLOODS), "directory"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, server.url, str(tmp_path), *names],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2 * len(names)


def big_directory(head):
    """The end of a zip file of 2.1 GB nearly all of which is said to be its list of members."""
    total, claimed = 2_100_000_000, 2_000_000_000
    tail = bytes(65536 - 22) + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, claimed, total - 22 - claimed, 0)
    asked = head.lower().partition("range: bytes=")[2].partition("\r\n")[0]
    if asked == "0-0":
        yield b"HTTP/1.1 206 SplitFiles\r\nContent-Range: bytes 0-0/%d\r\nContent-Length: 1\r\n\r\nP" % total
    elif asked == "-65536":
        span = b"%d-%d/%d" % (total - 65536, total - 1, total)
        yield b"HTTP/1.1 206 SplitFiles\r\nContent-Range: bytes %b\r\nContent-Length: 65536\r\n\r\n" % span + tail
    else:
        yield b"HTTP/1.1 206 SplitFiles\r\nContent-Range: bytes %b/%d\r\n\r\n" % (asked.encode(), total)
        yield from endless()


def test_a_list_of_members_that_is_too_long_is_not_fetched(talker, tmp_path):
    server = talker(big_directory)
    assert "the list of members in the archive claims 2,000,000,000 bytes" in failure(server.url, tmp_path, zipped=True)
    assert server.sent < 200_000


@pytest.mark.parametrize(
    "given", ["0-2000000000/2100000000", "5-4/9", "x-y/z", f"{'9' * 5000}-{'9' * 5000}/1", "²-²/²"]
)
def test_a_part_that_was_not_asked_for_is_not_taken(talker, tmp_path, given):
    def answer(head):
        if "bytes=0-0" in head:
            return [b"HTTP/1.1 206 SplitFiles\r\nContent-Range: bytes 0-0/9\r\nContent-Length: 1\r\n\r\nP"]
        if "range:" in head.lower():
            part = f"HTTP/1.1 206 SplitFiles\r\nContent-Range: bytes {given}\r\n\r\n".encode("latin-1")
            return itertools.chain([part], endless())
        return [b"HTTP/1.1 404 No\r\n\r\n"]

    server = talker(answer)
    assert "answers 404" in failure(server.url, tmp_path, zipped=True)  # of the whole archive
    assert server.sent < MUCH / 10


@pytest.mark.parametrize("zipped", [False, True], ids=["files", "zip"])
@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX: ", OK + b"\r\n", OK + b"Content-Length: 900\r\n\r\n"])
def test_a_drip_has_an_end(talker, tmp_path, zipped, start):
    server = talker(lambda _: itertools.chain([start], dripping(server.gate)))
    assert "too slowly" in failure(server.url, tmp_path, zipped, IMPATIENT)
    assert server.requests == IMPATIENT.attempts + (zipped and b"\r\n\r\n" in start)  # it is asked for a part first


def test_the_pace_is_that_of_the_server(monkeypatch):
    class Slow:
        """A socket that gives 100 bytes in two seconds of `now`."""

        now = 0.0

        def readinto(self, buffer):
            Slow.now += 2
            buffer[:100] = b"x" * 100
            return 100

    monkeypatch.setattr("time.monotonic", lambda: Slow.now)
    meter = MeteredStream(Slow(), DownloadLimits(grace=10, min_speed=100), 10_000)
    with pytest.raises(SlowServerError, match="too slowly, 1,100 bytes in 22 seconds"):
        while meter.readinto(bytearray(200)):
            pass
    fast = MeteredStream(Slow(), DownloadLimits(grace=10, min_speed=50), 10_000)
    assert all(fast.readinto(bytearray(200)) == 100 for _ in range(100))


@pytest.mark.parametrize(
    ("asked", "waited"),
    [("7", 7), ("0", 0), ("99999999", 60), ("9" * 5000, 0), ("soon", 0), ("Fri, 31 Dec 9999 23:59:59 GMT", 60)],
)
def test_a_busy_server_is_asked_again_when_it_says_but_not_after_ages(talker, tmp_path, monkeypatch, asked, waited):
    slept = []
    monkeypatch.setattr("time.sleep", slept.append)
    head = f"HTTP/1.1 503 Busy\r\nConnection: close\r\nRetry-After: {asked}\r\nContent-Length: 0\r\n\r\n".encode()
    server = talker(lambda _: [head])
    assert "the server answers 503 Busy" in failure(server.url, tmp_path)
    assert server.requests == QUICK.attempts
    assert sum(slept) == pytest.approx(waited, abs=0.1)


def test_a_connection_that_closes_before_the_answer_is_tried_again(talker, tmp_path):
    server = talker(lambda _: [])
    assert "the connection broke" in failure(server.url, tmp_path)
    assert server.requests == QUICK.attempts


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("http://[", "invalid address"),
        ("http://[::1", "invalid address"),
        ("http://x:y/", "invalid address"),
        ("http://x:99999999/", "invalid address"),
        (f"http://{'a' * 300}.example/", "invalid address|no connection"),
        ("\x1b[2J://x", "invalid address|no connection|redirected"),
        ("ftp://127.0.0.1/x", "invalid address"),
        ("http://", "invalid address|redirected"),
        ("", "the server answers 302 Found"),
        ("/", "redirected more than 5 times"),
        ("//", "invalid address|redirected"),
        ("http://\xff\xfe/", "invalid address|no connection"),
    ],
)  # fmt: skip
def test_a_redirect_to_nowhere_is_one_line(talker, tmp_path, location, message):
    head = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode(
        "latin-1"
    )
    server = talker(lambda _: [head])
    said = failure(server.url, tmp_path)
    assert any(part in said for part in message.split("|")), said


def test_the_reason_of_a_server_cannot_steer_the_terminal(talker, tmp_path):
    server = talker(lambda _: [b"HTTP/1.1 404 \x1b[2J\x1b]0;mine\x07 \x9b31m" + b"z" * 500 + b"\r\n\r\n"])
    said = failure(server.url, tmp_path)
    assert r"the server answers 404 \x1b[2J\x1b]0;mine\x07 \x9b31mzz" in said
    assert "z" * 200 not in said


@pytest.mark.parametrize("length", ["²", "9" * 5000, "-1", "1e3", "99999999999999"])
def test_a_length_that_is_none_is_one_line(talker, tmp_path, length):
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode("latin-1")
    server = talker(lambda _: [head, b"x"])
    failure(server.url, tmp_path)


def test_a_link_in_place_of_a_part_is_not_followed(talker, tmp_path):
    row, contents = made_set("made", (), zipped=False)
    name = next(iter(contents))
    (tmp_path / "made").mkdir()
    (tmp_path / "other").write_bytes(b"precious")
    (tmp_path / "made" / f"{name}.part").symlink_to(tmp_path / "other")
    server = talker(lambda head: [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + contents[head.split()[1][1:]]])
    install(row._replace(urls=(server.url,)), tmp_path, lambda _: None, limits=QUICK)
    assert (tmp_path / "other").read_bytes() == b"precious"
    assert (tmp_path / "made" / name).read_bytes() == contents[name]
