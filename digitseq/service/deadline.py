"""How long a task may take."""

from __future__ import annotations

import asyncio
from types import TracebackType


class Deadline:
    """A context in which a task is cancelled after `seconds`. Raises `asyncio.TimeoutError` then.

    `asyncio.wait_for` would start a second task for each request.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._passed = seconds, False

    def __enter__(self) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        self._task = task
        self._timer = loop.call_later(self._seconds, self._pass)

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        self._timer.cancel()
        if self._passed and kind is not None and issubclass(kind, asyncio.CancelledError):
            if hasattr(self._task, "uncancel"):  # Python 3.11: it was not cancelled by anybody else
                self._task.uncancel()
            raise asyncio.TimeoutError

    def _pass(self) -> None:
        self._passed = True
        self._task.cancel()
