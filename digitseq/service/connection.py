"""uvicorn's HTTP protocol with bounds: on the head of a request, on its time, and on a client that does not read.

uvicorn has none of them for httptools (`h11_max_incomplete_event_size` is for h11 alone).
"""

from __future__ import annotations

import asyncio
import math
import os
import socket
from functools import lru_cache

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from digitseq.service.limits import Limits
from digitseq.service.problems import MEDIA_TYPE, Problem

HEAD_BYTES = 65_536
HEADERS = 100
PIPELINED = 8
CHECK_SECONDS = 0.5


class _Refused(Exception):
    """Raised inside the parser, to stop it."""


class BoundedProtocol(HttpToolsProtocol):
    """A connection that answers 431 to an endless head, and is cut off when its client neither sends nor reads.

    A request must be there within `receive_seconds`, its body within as many again; of an answer some bytes must be
    taken every `stall_seconds`. After `PIPELINED` requests without an answer, what follows is dropped and the
    connection closed when they are answered, as HTTP allows.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # as uvicorn has it
        limits = _limits()
        self._receive_seconds, self._stall_seconds = limits.receive_seconds, limits.stall_seconds
        self._unparsed = 0  # bytes since the parser was through with a head or with a piece of a body
        self._refusal: Problem | None = None
        self._in_body = False
        self._answers: list[RequestResponseCycle] = []  # that are not out yet, in order
        self._ignoring = False
        self._unsent, self._taken = 0, self.loop.time()
        self._allow(self._receive_seconds)
        self._timer = self.loop.call_later(CHECK_SECONDS, self._check)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        for answer in self._answers:  # uvicorn tells the last one only
            _break_off(answer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._ignoring:
            return
        self._unparsed += len(data)
        unparsed = self._unparsed
        super().data_received(data)
        if self._unparsed == unparsed > HEAD_BYTES and not self._ignoring:
            self._refusal = _too_large()
            self.send_400_response("")

    def on_message_begin(self) -> None:
        if len(self._answers) >= PIPELINED:
            raise _Refused
        self._allow(self._receive_seconds)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._unparsed = 0
        size = len(self.url) + sum([len(name) + len(value) + 4 for name, value in self.headers])
        if size > HEAD_BYTES or len(self.headers) > HEADERS:
            self._refusal = _too_large()
            raise _Refused
        self._allow(2 * self._receive_seconds)
        super().on_headers_complete()
        self._in_body = True
        self._answers.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unparsed = 0
        self._in_body = False
        self._await_next()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        del self._answers[:1]
        if not self._in_body:
            self._await_next()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, or too large for one: as a problem, where no other answer is in its way."""
        if self._ignoring:
            return
        self._ignoring = True
        if self._answers and not self._in_body:  # of requests before this one
            self._answers[-1].keep_alive = False
            return
        if len(self._answers) > 1 or (self._answers and self._answers[0].response_started):
            self.transport.abort()
            return
        for answer in self._answers:
            _break_off(answer)
        self.transport.write(_raw(self._refusal or Problem(400, "this is no HTTP request")))
        if self.transport.can_write_eof():  # reading on for a moment: a reset could overtake the answer
            self.transport.write_eof()
            self._allow(self._receive_seconds)
        else:
            self.transport.close()

    def resume_writing(self) -> None:
        self._taken = self.loop.time()
        super().resume_writing()

    def _await_next(self) -> None:
        self._allow(math.inf if self._answers else self._receive_seconds + self.timeout_keep_alive)

    def _allow(self, seconds: float) -> None:
        """Let the client have `seconds` for what it has to send next."""
        self._deadline = self.loop.time() + seconds

    def _check(self) -> None:
        now, unsent = self.loop.time(), self.transport.get_write_buffer_size()
        if unsent:
            unsent += _unacknowledged(self.transport)
        if not unsent or unsent < self._unsent:
            self._taken = now
        self._unsent = unsent
        if now > self._deadline or now > self._taken + self._stall_seconds:
            self.transport.abort()
        else:
            self._timer = self.loop.call_later(CHECK_SECONDS, self._check)


def _break_off(answer: RequestResponseCycle) -> None:
    """Let whoever makes the answer know that nobody will read it."""
    answer.disconnected = True
    answer.message_event.set()


@lru_cache(maxsize=1)
def _limits() -> Limits:
    return Limits.from_environment(os.environ)


def _too_large() -> Problem:
    return Problem(431, f"the head of a request may have at most {HEAD_BYTES:,} bytes and {HEADERS} headers")


def _raw(problem: Problem) -> bytes:
    body = problem.body()
    head = [
        STATUS_LINE[problem.status].decode(),
        f"content-type: {MEDIA_TYPE}\r\n",
        f"content-length: {len(body)}\r\n",
        "cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n",
    ]
    return "".join(head).encode() + body


def _unacknowledged(transport: asyncio.Transport) -> int:
    """Bytes that the system still has for the client, where it says so: it takes in megabytes before any is missed."""
    try:
        import fcntl
        import termios

        connection: socket.socket = transport.get_extra_info("socket")
        return int.from_bytes(fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)), "little")
    except (ImportError, OSError, AttributeError):
        return 0
