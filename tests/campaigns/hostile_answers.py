"""Wrong answers of a server, by kinds; each draws what exactly it does."""

from __future__ import annotations

import gzip
import random
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Draw = random.Random
BLOCK = b"x" * (1 << 20)
MOST = 400  # blocks that an endless answer has, so that it has an end if nobody leaves
DRIPS = 1200  # of 50 ms: a minute
OK = b"HTTP/1.1 200 OK\r\n"


@dataclass(frozen=True)
class Request:
    """data: the file that is asked for, empty if there is none; span: what of it, None for all; count: how often so far."""

    name: str
    data: bytes
    span: tuple[int, int] | None
    count: int

    def honest(self) -> bytes:
        """What a good server answers."""
        if not self.data:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        if self.span is None:
            return b"%bContent-Length: %d\r\n\r\n%b" % (OK, len(self.data), self.data)
        start, stop = self.span
        if start >= len(self.data):
            return b"HTTP/1.1 416 No\r\nContent-Length: 0\r\n\r\n"
        return part(b"%d-%d/%d" % (start, stop - 1, len(self.data)), self.data[start:stop])


Pieces = Iterator[bytes]


def part(span: bytes, body: bytes) -> bytes:
    """An answer with a part of a file."""
    return b"HTTP/1.1 206 Part\r\nContent-Range: bytes %b\r\nContent-Length: %d\r\n\r\n%b" % (span, len(body), body)


def endless(piece: bytes = BLOCK) -> Pieces:
    for _ in range(MOST * len(BLOCK) // len(piece)):
        yield piece


def flood(draw: Draw, request: Request) -> Pieces:
    """Something has no end."""
    head, piece = draw.choice((
        (OK + b"\r\n", BLOCK), (b"HTTP/1.1 302 Found\r\nLocation: x\r\n\r\n", BLOCK), (b"HTTP/1.1 404 No\r\n\r\n", BLOCK), (b"HTTP/1.1 200 ", BLOCK),
        (OK + b"X: ", BLOCK), (OK, b"X: \r\n" * 10_000), (b"", b"HTTP/1.1 100 Go on\r\n\r\n" * 1000), (b"", BLOCK),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", BLOCK), (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 1000),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"y" * 50_000 + b"\r\nx\r\n"),
        (OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(1 << 20)), gzip.compress(bytes(1 << 24))),
        (b"HTTP/1.1 206 Part\r\nContent-Range: bytes 0-9999999999/10000000000\r\n\r\n", BLOCK),
    ))  # fmt: skip
    yield head
    yield from endless(piece)


def drip(draw: Draw, request: Request) -> Pieces:
    """Byte by byte, so slowly that it never ends."""
    answer = request.honest()
    place = draw.choice((0, 5, 20, len(answer) - 30, len(answer) // 2))
    yield answer[:place]
    for at in range(DRIPS):
        time.sleep(0.05)
        yield answer[place + at : place + at + 1] or b"x"


def silent(draw: Draw, request: Request) -> Pieces:
    """Nothing more comes after a while."""
    answer = request.honest()
    yield answer[: draw.choice((0, 3, 30, len(answer) // 2, len(answer) - 1))]
    time.sleep(DRIPS * 0.05)


def leaving(draw: Draw, request: Request) -> Pieces:
    """It ends too early, every time or the first times."""
    answer = request.honest()
    if request.count > draw.choice((1, 2, 1000)):
        yield answer
        return
    yield answer[: draw.choice((0, 1, 12, 60, len(answer) // 2, len(answer) - 1))]


def misled(draw: Draw, request: Request) -> Pieces:
    """A redirect to nowhere, in circles, or too often."""
    location = draw.choice((
        b"http://[", b"http://[::1", b"http://x:y/", b"http://127.0.0.1:99999999/", b"http://127.0.0.1:0/", b"http://127.0.0.1:9/", b"//", b"", b"?",
        b"http://", b"ftp://127.0.0.1/x", b"file:///etc/passwd", b"http:\\\\127.0.0.1", b"\x1b[2J://x", b"\xff\xfe", b"/" * 60_000, b"http://%ff/",
        b"x", b"../" * 100, b"javascript:alert(1)", b"data:,x", b"http://127.0.0.1:9/\x00", "http://１２７.0.0.1:9/".encode(), b"http://:@:/",
    ))  # fmt: skip
    status = draw.choice((b"301", b"302", b"303", b"307", b"308", b"300", b"304"))
    yield b"HTTP/1.1 %b \r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % (status, location)


def lying(draw: Draw, request: Request) -> Pieces:
    """A length or a way of packing that is not that of the body."""
    head = draw.choice((
        b"Content-Length: 5", b"Content-Length: 99999999", b"Content-Length: 99999999999999999999", b"Content-Length: -1", b"Content-Length: 1e3",
        b"Content-Length: " + b"9" * 5000, b"Content-Length: \xb2", b"Content-Length: 0", b"Content-Length: 10\r\nContent-Length: 20", b"Content-Length:",
        b"Transfer-Encoding: chunked", b"Transfer-Encoding: nothing", b"Content-Encoding: gzip", b"Content-Encoding: deflate", b"Content-Encoding: br, gzip",
        b"Content-Encoding: " + b"gzip," * 1000, b"X", b": x", b"X: \r\n y\r\n  z", b"Content-Type: text/html; charset=\x1b[2J", b"Connection: \xff",
    ))  # fmt: skip
    yield OK + head + b"\r\n\r\n" + request.data


def status(draw: Draw, request: Request) -> Pieces:
    """A first line that is strange."""
    yield draw.choice((
        b"HTTP/1.1 404 \x1b[2J\x1b]0;mine\x07", b"HTTP/1.1 500 \x9b31m" + b"z" * 5000, b"HTTP/1.1 503 Busy", b"HTTP/1.1 204 No", b"HTTP/1.1 304 No",
        b"HTTP/1.1 999 No", b"HTTP/1.1 0 No", b"HTTP/1.1 -1 No", b"HTTP/1.1 2e2 No", b"HTTP/9.9 200 OK", b"HTTP/1.1", b"HTTP/1.1 \xb2\xb0\xb0 OK", b"SSH-2.0-x",
        b"<html>", b"", b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"\x1b[2J\"", b"HTTP/1.1 407 No", b"HTTP/1.1 429 No\r\nRetry-After: 999999",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: " + b"a=b; " * 10_000, b"HTTP/1.0 200 OK", b"HTTP/1.1 101 Switching",
    )) + b"\r\n\r\n" + draw.choice((b"", request.data))  # fmt: skip


def another_part(draw: Draw, request: Request) -> Pieces:
    """Another part than was asked for, or said to be another."""
    data = request.data or bytes(100)
    size = len(data)
    span = draw.choice((
        b"0-2000000000/2100000000", b"5-4/9", b"x-y/z", b"%b-%b/1" % (b"9" * 5000, b"9" * 5000), b"\xb2-\xb2/\xb2", b"0-0/1", b"*/%d" % size, b"",
        b"1-%d/%d" % (size, size), b"0-%d/*" % (size - 1), b"-5-5/9", b"0-%d/%d" % (size - 1, 10 * size), b"0-%d/99999999999999999999" % (size - 1),
    ))  # fmt: skip
    yield (
        draw.choice((part(span, data), part(span, data[:1]), part(span, b""), request.honest()))
        if request.span or draw.random() < 0.5
        else request.honest()
    )


def other_bytes(draw: Draw, request: Request) -> Pieces:
    """Bytes that are not those that are published, an archive's directory among them."""
    data = bytearray(request.data)
    for _ in range(draw.choice((1, 1, 20)) if data else 0):
        data[draw.randrange(max(len(data) - draw.choice((22, 300, len(data))), 0), len(data))] ^= 1 << draw.randrange(8)
    if len(data) > 100:
        data = draw.choice((data, data, data, data[:-1], data + b"x", data[: len(data) // 2], data * 3))
    start, stop = request.span or (0, 0)
    yield Request(request.name, bytes(data), (start, min(stop, len(data))) if request.span else None, 0).honest()


def lying_directory(draw: Draw, request: Request) -> Pieces:
    """An archive that claims sizes and places which it has not."""
    data = bytearray(request.data)
    end = data.rfind(b"PK\5\6")
    if end >= 0:
        counts = [draw.choice((1, 5, 65_535)) for _ in range(2)]
        size, offset = (draw.choice((0, 1, end, 2_000_000_000, 0xFFFFFFFF, len(data))) for _ in range(2))
        kind = draw.randrange(3)
        if kind == 0:
            data[end + 8 : end + 20] = struct.pack("<2H2L", *counts, size, offset)
        elif kind == 1:
            entry = data.find(b"PK\1\2")
            data[entry + 20 : entry + 28] = struct.pack("<2L", size, draw.choice((1, 2_000_000_000)))
        else:
            data[end + 20 : end + 22] = b"\xff\xff"
    yield Request(request.name, bytes(data), request.span, 0).honest()


BEHAVIOURS: tuple[Callable[[Draw, Request], Pieces], ...] = (
    flood, drip, silent, leaving, misled, lying, status, another_part, other_bytes, lying_directory,
)  # fmt: skip


def behaviour(seed: int, case: int) -> tuple[Callable[[Draw, Request], Pieces], Draw]:
    """What the server does in a case, each kind as often as the others."""
    return BEHAVIOURS[case % len(BEHAVIOURS)], Draw(f"{seed} {case}")
