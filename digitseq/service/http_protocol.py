"""uvicorn's HTTP protocol with bounds on the head of a request, which uvicorn has only for h11, not for httptools.

Other defences against slow clients are settings of uvicorn, and of the reverse proxy in front of the service.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from digitseq.service.problems import MEDIA_TYPE, Problem

HEAD_BYTES = 65_536
PIPELINED = 8  # requests without an answer on one connection; later ones are dropped and the connection is closed


class _Refused(Exception):
    """Raised in a callback to stop the parser, which then calls `send_400_response`."""


class HeaderTimeoutProtocol(HttpToolsProtocol):
    """Closes a connection whose request head is not complete within `receive_seconds`, or exceeds `HEAD_BYTES`."""

    def __init__(self, *, receive_seconds: float, **known: Any) -> None:
        super().__init__(**known)
        self._receive_seconds = receive_seconds
        self._timer: asyncio.TimerHandle | None = None
        self._in_body = False
        self._unparsed = 0  # bytes since the parser last completed a head or a piece of a body
        self._problem: Problem | None = None
        self._ignoring = False
        self._cycles: list[RequestResponseCycle] = []  # unfinished, in order

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # as uvicorn declares it
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        for cycle in self._cycles:  # uvicorn tells the last of several pipelined requests only
            _disconnect(cycle)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._ignoring:
            return
        if not self._in_body:  # the first byte ends uvicorn's keep-alive timer, even if it is an empty line
            self._start_timer()
        self._unparsed += len(data)
        unparsed = self._unparsed
        super().data_received(data)
        if self._unparsed == unparsed > HEAD_BYTES and not self._ignoring:
            self._problem = _too_large()
            self.send_400_response("")

    def on_message_begin(self) -> None:
        if len(self._cycles) >= PIPELINED:
            raise _Refused
        self._start_timer()
        super().on_message_begin()
        self.scope["extensions"] = {"abort": self.transport.abort}  # type: ignore[dict-item]  # one of our own

    def on_headers_complete(self) -> None:
        self._stop_timer()
        self._unparsed = 0
        # a head that came in one piece is only measured here
        if len(self.url) + sum([len(name) + len(value) + 4 for name, value in self.headers]) > HEAD_BYTES:
            self._problem = _too_large()
            raise _Refused
        super().on_headers_complete()
        self._in_body = True
        self._cycles.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._stop_timer()
        self._unparsed = 0
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        del self._cycles[:1]
        if self._in_body:  # a body that was not waited for must end as well
            self._start_timer()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse malformed or oversized data with a problem, unless earlier requests still wait for their answers."""
        self._ignoring = True
        if self._cycles and not self._in_body:
            self._cycles[-1].keep_alive = False
        elif len(self._cycles) > 1 or (self._cycles and self._cycles[0].response_started):
            self.transport.abort()
        else:
            for cycle in self._cycles:
                _disconnect(cycle)
            self._cycles.clear()
            self.transport.write(_raw(self._problem or Problem(400, "this is not an HTTP request")))
            # Close for reading later: a reset while the client still sends could overtake the answer.
            self.transport.write_eof()
            self._start_timer()

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self._receive_seconds, self._time_out)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_out(self) -> None:
        if self._cycles:
            self._ignoring = True
            self._cycles[-1].keep_alive = False
        else:
            self.transport.abort()


def _disconnect(cycle: RequestResponseCycle) -> None:
    """Tell the app that nobody will read this answer."""
    cycle.disconnected = True
    cycle.message_event.set()


def _too_large() -> Problem:
    return Problem(431, f"the head of a request may have at most {HEAD_BYTES:,} bytes")


def _raw(problem: Problem) -> bytes:
    body = problem.body()
    head = (
        f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
        "cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
    )
    return STATUS_LINE[problem.status] + head.encode() + body
