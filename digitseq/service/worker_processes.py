"""Processes that make images.

Threads of the service would share Python's interpreter lock with its event loop: long work of one client would delay
the short answers to all others.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import multiprocessing
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator
from typing import Any, ParamSpec, TypeVar

from digitseq.errors import DigitseqError
from digitseq.service import worker_process
from digitseq.service.limits import Limits
from digitseq.service.maker import Maker, Method
from digitseq.service.problems import Problem
from digitseq.service.worker_process import CANCEL, NEXT, Killed, WorkerProcess

P = ParamSpec("P")
T = TypeVar("T")
# From a process that has imported everything and has no threads; anew, which takes longer, where such a process cannot
# be started, as it needs a socket in the directory of temporary files, whose path can be too long for one.
METHODS = ("forkserver", "spawn")
TRIES = 2  # of a process that is killed, another one makes the same; not more: it may be the work that kills them


class WorkerProcesses:
    """Processes that are started when all others are busy. Lives in one event loop.

    keep: how many of those that are idle stay
    most: how many there may be; whoever cancels work leaves its process busy for a moment
    working: called with 1 when something begins to be made, and with -1 when its process is idle again
    """

    def __init__(
        self,
        limits: Limits,
        cache: str | None,
        keep: int,
        most: int,
        working: Callable[[int], None] = lambda change: None,
    ) -> None:
        self._limits, self._cache, self._keep, self._working = limits, cache, keep, working
        self._all: set[WorkerProcess] = set()
        self._idle: list[WorkerProcess] = []
        self._free, self._closed = asyncio.Semaphore(most), False
        self._tasks: set[asyncio.Task[Any]] = set()  # the event loop does not keep them
        atexit.register(self._kill)  # `multiprocessing` would wait for them then, and for ever
        self._methods = [name for name in METHODS if name in multiprocessing.get_all_start_methods()]
        if "forkserver" in self._methods:
            multiprocessing.set_forkserver_preload([worker_process.__name__, "cv2"])

    async def start(self) -> None:
        """Have one process ready. What fails is told to whoever asks for something first."""
        with contextlib.suppress(DigitseqError, Problem):
            await self.call(Maker.open)

    async def call(self, method: Method[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a method of `Maker` returns in a process. Raises what it raises, and `Problem` 503."""
        for _ in range(TRIES):
            with contextlib.suppress(Killed):
                async with self._process() as process:
                    return await process.ask((method, args, kwargs, False))  # type: ignore[no-any-return]
        raise _killed()

    async def stream(
        self, method: Method[P, Generator[T, None, None]], *args: P.args, **kwargs: P.kwargs
    ) -> AsyncGenerator[T, None]:
        """What a method yields in a process; each item is made when it is asked for. Raises as `call`."""
        async with self._process() as process:
            try:
                item = await process.ask((method, args, kwargs, True))
                while item is not None:
                    yield item
                    item = await process.ask(NEXT)
            except Killed:
                raise _killed() from None
            except (GeneratorExit, asyncio.CancelledError):
                if process.ready:  # it waits to be asked for the next item; else it is told by `_stop`
                    process.tell(CANCEL)
                raise

    async def close(self) -> None:
        """End all processes. Those that still make something are killed, unless that was cancelled."""
        self._closed = True
        self._idle.clear()
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*map(self._end, self._all))
        atexit.unregister(self._kill)

    @contextlib.asynccontextmanager
    async def _process(self) -> AsyncIterator[WorkerProcess]:
        await self._free.acquire()
        process: WorkerProcess | None = None
        self._working(1)
        try:
            process = await self._take()
            yield process
        finally:
            if process is None or self._put_back(process):
                self._release()
            else:
                self._begin(self._stop(process))

    def _release(self) -> None:
        self._working(-1)
        self._free.release()

    def _put_back(self, process: WorkerProcess) -> bool:
        """Whether it stays, to be asked again."""
        stays = process.ready and not self._closed and len(self._idle) < self._keep
        if stays:
            self._idle.append(process)
        return stays

    async def _take(self) -> WorkerProcess:
        while self._idle:
            process = self._idle.pop()
            if process.ready:
                return process
            self._begin(self._end(process))
        started = self._begin(self._started())
        try:
            return await asyncio.shield(started)
        except asyncio.CancelledError:
            started.add_done_callback(self._unclaimed)
            raise

    def _unclaimed(self, started: asyncio.Task[WorkerProcess]) -> None:
        if not started.cancelled() and not started.exception() and not self._put_back(started.result()):
            self._begin(self._end(started.result()))

    async def _started(self) -> WorkerProcess:
        why: BaseException | None = None
        for method in self._methods:
            try:
                process = await WorkerProcess.started(method, self._limits, self._cache)
            except (OSError, EOFError, MemoryError) as error:
                why = error
            else:
                self._all.add(process)
                return process
        raise Problem(503, "the server cannot start another process", Retry_After="5") from why

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _stop(self, process: WorkerProcess) -> None:
        await process.stop()
        if not self._put_back(process):
            await self._end(process)
        self._release()

    async def _end(self, process: WorkerProcess) -> None:
        await process.end()
        self._all.discard(process)

    def _kill(self) -> None:
        for process in self._all:
            process.kill()


def _killed() -> Problem:
    return Problem(503, "the process that made this was killed: ask again", Retry_After="1")
