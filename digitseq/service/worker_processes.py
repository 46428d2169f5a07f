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

from digitseq.service import worker_process
from digitseq.service.cancelling import deadline
from digitseq.service.limits import Limits
from digitseq.service.maker import Maker, Method
from digitseq.service.problems import Problem
from digitseq.service.worker_process import END_SECONDS, NEXT, Killed, WorkerProcess

P = ParamSpec("P")
T = TypeVar("T")
# From a process that has imported everything and has no threads; anew, which takes longer, where such a process cannot
# be started, as it needs a socket in the directory of temporary files, whose path can be too long for one.
METHODS = ("forkserver", "spawn")
TRIES = 2  # of a process that is killed, another one makes the same; not more: it may be the work that kills them


class WorkerProcesses:
    """Processes that are started when all others are busy. Lives in one event loop.

    keep: how many of those that are idle stay
    most: how many there may be, also of those whose work was cancelled and has not ended
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
        # one for each process that there may be, and nobody has; a semaphore of Python 3.10 can forget who waits
        self._places = asyncio.Queue[None]()
        for _ in range(most):
            self._places.put_nowait(None)
        self._most, self._closed = most, False
        self._tasks: set[asyncio.Task[Any]] = set()  # the event loop does not keep them
        self._starting: set[asyncio.Task[WorkerProcess]] = set()
        atexit.register(_kill_all)  # `multiprocessing` would wait for them then, and for ever
        self._methods = [name for name in METHODS if name in multiprocessing.get_all_start_methods()]
        if "forkserver" in self._methods:
            multiprocessing.set_forkserver_preload([worker_process.__name__, "cv2"])

    async def start(self) -> None:
        """Have one process ready. What fails is told to whoever asks for something first."""
        with contextlib.suppress(Exception):
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
                # now, as the process waits to be asked for the next item, or will when it has sent this one
                process.cancel()
                raise

    async def close(self) -> None:
        """End all processes. What was cancelled has some seconds to end; then they are killed."""
        self._closed = True
        left = 0
        with contextlib.suppress(asyncio.TimeoutError), deadline(END_SECONDS):
            while left < self._most:
                await self._places.get()
                left += 1
        for _ in range(left):
            self._places.put_nowait(None)  # whoever asks now is refused
        self._idle.clear()
        for starting in self._starting:  # until all is imported, which takes long on a busy machine
            starting.cancel()
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*map(self._end, self._all))

    @contextlib.asynccontextmanager
    async def _process(self) -> AsyncIterator[WorkerProcess]:
        process = await self._take()
        try:
            yield process
        finally:
            self._give_back(process)

    async def _take(self) -> WorkerProcess:
        """An idle process or a new one, and a place, which `_give_back` gives back. Raises `Problem` 503."""
        await self._places.get()
        self._working(1)
        if self._closed:
            self._release()
            raise Problem(503, "the service is shutting down")
        while self._idle:
            process = self._idle.pop()
            if process.ready:
                return process
            self._begin(self._end(process))
        started = self._begin(self._started())
        self._starting.add(started)
        started.add_done_callback(self._starting.discard)
        try:
            return await asyncio.shield(started)
        except asyncio.CancelledError:
            started.add_done_callback(self._unclaimed)
            raise
        except Exception:
            self._release()
            raise

    def _unclaimed(self, started: asyncio.Task[WorkerProcess]) -> None:
        """Give back what was started for a task that was cancelled meanwhile."""
        if started.cancelled() or started.exception():
            self._release()
        else:
            self._give_back(started.result())

    def _give_back(self, process: WorkerProcess) -> None:
        if self._stays(process):
            self._release()
        else:
            self._begin(self._stop(process))

    def _stays(self, process: WorkerProcess) -> bool:
        """Whether it is idle from now on."""
        stays = process.ready and not self._closed and len(self._idle) < self._keep
        if stays:
            self._idle.append(process)
        return stays

    def _release(self) -> None:
        self._working(-1)
        self._places.put_nowait(None)

    async def _started(self) -> WorkerProcess:
        why: BaseException | None = None
        for method in self._methods:
            try:
                process = await WorkerProcess.started(method, self._limits, self._cache)
            except (OSError, EOFError, MemoryError, RuntimeError) as error:
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
        try:
            await process.stop()
            if not self._stays(process):
                await self._end(process)
        finally:
            self._release()

    async def _end(self, process: WorkerProcess) -> None:
        await process.end()
        self._all.discard(process)


def _kill_all() -> None:
    """Kill all processes, also those that were being started when the event loop ended, of which nobody knows."""
    for process in multiprocessing.active_children():
        if process.name == worker_process.NAME:
            process.kill()


def _killed() -> Problem:
    return Problem(503, "the process that made this was killed: ask again", Retry_After="1")
