"""uvicorn's HTTP protocol, with an end to its patience: a client that sends its headers too slowly is cut off."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from digitseq.service.limits import Limits


class PatientProtocol(HttpToolsProtocol):
    """A connection must bring the whole head of a request within `receive_seconds`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # as uvicorn has it
        self._head: asyncio.TimerHandle | None = None
        self._seconds = Limits.from_environment(os.environ).receive_seconds
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._await_head()
        super().on_message_begin()

    def on_headers_complete(self) -> Any:
        self._head_is_there()
        return super().on_headers_complete()

    def _await_head(self) -> None:
        self._head_is_there()
        self._head = self.loop.call_later(self._seconds, self.transport.abort)

    def _head_is_there(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None
