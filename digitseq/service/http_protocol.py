"""uvicorn's HTTP protocol with bounds on the head of a request, which uvicorn has only for h11, not for httptools.

Other defences against slow clients are settings of uvicorn, and of the reverse proxy in front of the service.
"""

from __future__ import annotations

import asyncio
from functools import partial

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from digitseq.service.problems import MEDIA_TYPE, Problem
from digitseq.service.turns import ReadTurns

HEAD_BYTES = 65_536
HEADERS = 100
NO_REQUEST = Problem(400, "this is not an HTTP request")
TOO_LARGE = Problem(431, f"the head of a request may have at most {HEAD_BYTES:,} bytes and {HEADERS} headers")


class _Refused(Exception):
    """Raised in a callback to stop the parser, which then calls `send_400_response`."""


class BoundedHeadProtocol(HttpToolsProtocol):
    """Refuses heads of more than `HEAD_BYTES` or `HEADERS`, and closes a connection that is idle within a head.

    At most one request waits for the answer to another; what is sent after that is dropped, and the connection closed.
    HTTP lets a server close one after any answer, and clients then send again what was not answered.
    """

    _turns = ReadTurns()  # of all connections of this process
    _unparsed = 0  # bytes since the parser last completed a head or a piece of a body
    _ignoring = False
    _answered: RequestResponseCycle | None = None  # the request that another one waits for

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)  # tells the last request only
        if self._answered and not self._answered.response_complete:
            self._answered.disconnected = True
            self._answered.message_event.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # as uvicorn declares it
        self._await_data()

    def data_received(self, data: bytes) -> None:
        address = self.client[0] if self.client else ""
        self._turns.add(self.loop, address, partial(self._look_at, data))

    def _look_at(self, data: bytes) -> None:
        if self._ignoring or self.transport.is_closing():
            return
        self._unparsed += len(data)
        unparsed = self._unparsed
        super().data_received(data)
        # also the size of lines, trailers and chunk extensions, which the parser keeps until they end
        if self._unparsed == unparsed > HEAD_BYTES:
            self._refuse(TOO_LARGE)
        elif not self._under_way() and not self._ignoring:
            self._await_data()

    def on_headers_complete(self) -> None:
        self._unparsed = 0
        if self.pipeline:
            raise _Refused
        # a head that came in one piece is only measured here
        size = len(self.url) + sum([len(name) + len(value) + 4 for name, value in self.headers])
        if size > HEAD_BYTES or len(self.headers) > HEADERS:
            self._refuse(TOO_LARGE)
            raise _Refused
        self.scope["extensions"] = {"abort": self.transport.abort}  # type: ignore[dict-item]  # one of our own
        before = self.cycle
        super().on_headers_complete()
        if self.pipeline:
            self._answered = before
            self.flow.resume_reading()  # else nobody would see that the client has gone

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        super().on_body(body)
        if self.pipeline and self.flow.read_paused:
            raise _Refused

    def send_400_response(self, msg: str) -> None:
        """Called for all that the parser does not take."""
        self._refuse(NO_REQUEST)

    def _under_way(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, problem: Problem) -> None:
        """Answer with `problem` and ignore what follows. Whole requests before it still get their own answers."""
        if self._ignoring:
            return
        self._ignoring = True
        if self._under_way():
            self.cycle.keep_alive = False
            if self.pipeline or not self.cycle.more_body:
                self.flow.resume_reading()  # as in `on_headers_complete`
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(_raw(problem))
        # Close for reading later: a reset while the client still sends could overtake the answer.
        self.transport.write_eof()
        self._await_data()

    def _await_data(self) -> None:
        """Start uvicorn's timer, which the next piece of data ends, and which uvicorn has only after an answer."""
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)


def _raw(problem: Problem) -> bytes:
    body = problem.body()
    head = (
        f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
        "cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
    )
    return STATUS_LINE[problem.status] + head.encode() + body
