"""Contexts that cancel the task in them: after some time, or when the client goes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

from digitseq.service.problems import Problem

Receive = Callable[[], Awaitable[Any]]


class CancelScope:
    """A context that can cancel the task in it, and raises an error of its own in place of the cancellation.

    `asyncio.wait_for` would start a second task for each request.
    """

    def __init__(self) -> None:
        self._error: BaseException | None = None
        self._trigger: asyncio.TimerHandle | asyncio.Future[None] | None = None  # calls `cancel`
        self._ended = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelled = task.cancelling() if hasattr(task, "cancelling") else 0  # Python 3.11 counts

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        self._ended = True
        if self._trigger is not None:
            self._trigger.cancel()
        if self._error is None or kind is None or not issubclass(kind, asyncio.CancelledError):
            return
        if hasattr(self._task, "uncancel") and self._task.uncancel() > self._cancelled:
            return  # somebody else has cancelled it, too
        raise self._error from None

    def cancel(self, error: BaseException) -> None:
        """Cancel the task, which gets `error`, unless it has left the context."""
        if not self._ended:
            self._error = error
            self._task.cancel()


class Deadline(CancelScope):
    """Cancels after `seconds`. Raises `asyncio.TimeoutError` then."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def __enter__(self) -> None:
        super().__enter__()
        self._trigger = asyncio.get_running_loop().call_later(self._seconds, self.cancel, asyncio.TimeoutError())


class UntilGone(CancelScope):
    """Cancels when the client has gone. Raises `Problem` 503 then. receive: of the request, as ASGI has it."""

    def __init__(self, receive: Receive) -> None:
        super().__init__()
        self._receive = receive

    def __enter__(self) -> None:
        super().__enter__()
        self._trigger = asyncio.ensure_future(_disconnected(self._receive))
        self._trigger.add_done_callback(self._end)

    def _end(self, gone: asyncio.Future[None]) -> None:
        if not gone.cancelled():  # else the event loop ends
            # an error is a `Problem` about the rest of a body that is not needed
            self.cancel(gone.exception() or Problem(503, "the client has gone"))


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
