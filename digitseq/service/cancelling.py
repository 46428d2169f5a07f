"""Contexts that cancel the task in them: after some time, or when the client goes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

from digitseq.service.problems import Problem

Receive = Callable[[], Awaitable[Any]]
Cancel = Callable[[BaseException], None]


class CancelScope:
    """A context that can cancel the task in it, and raises an error of its own in place of the cancellation.

    watch: begins to wait for what calls `cancel`, which it gets; the context cancels that at its end
    `asyncio.wait_for` would start a second task for each request.
    """

    def __init__(self, watch: Callable[[Cancel], asyncio.TimerHandle | asyncio.Future[None]] | None = None) -> None:
        self._watch = watch
        self._error: BaseException | None = None
        self._ended = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelled = task.cancelling() if hasattr(task, "cancelling") else 0  # Python 3.11 counts
        self._watched = self._watch(self.cancel) if self._watch else None

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        self._ended = True
        if self._watched is not None:
            self._watched.cancel()
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


def deadline(seconds: float) -> CancelScope:
    """Cancels after `seconds`. Raises `asyncio.TimeoutError` then."""
    return CancelScope(lambda cancel: asyncio.get_running_loop().call_later(seconds, cancel, asyncio.TimeoutError()))


def until_gone(receive: Receive) -> CancelScope:
    """Cancels when the client has gone. Raises `Problem` 503 then. receive: of the request, as ASGI has it."""

    async def watch(cancel: Cancel) -> None:
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        except Exception as error:  # a `Problem` about the rest of a body that is not needed
            cancel(error)
        else:
            cancel(Problem(503, "the client has gone"))

    return CancelScope(lambda cancel: asyncio.ensure_future(watch(cancel)))
