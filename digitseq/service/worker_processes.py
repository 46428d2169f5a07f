"""Processes that make images.

Threads of the service would share Python's interpreter lock with its event loop: long work of one client would delay
the short answers to all others.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import threading
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, ParamSpec, TypeVar

from digitseq.errors import DigitseqError
from digitseq.service import worker_process
from digitseq.service.limits import Limits
from digitseq.service.maker import Maker, Method
from digitseq.service.problems import Problem
from digitseq.service.worker_process import CANCEL, NEXT, WorkerProcess
from digitseq.sources.base import Check, never_cancelled

P = ParamSpec("P")
T = TypeVar("T")
# From a process that has imported everything and has no threads; anew, which takes longer, where such a process cannot
# be started, as it needs a socket in the directory of temporary files, whose path can be too long for one.
METHODS = ("forkserver", "spawn")


class WorkerProcesses:
    """Processes that are started when all others are busy; of those that are idle, `keep` stay. For any thread."""

    def __init__(self, limits: Limits, cache: str | None, keep: int) -> None:
        self._limits, self._cache, self._keep = limits, cache, keep
        self._all: set[WorkerProcess] = set()
        self._idle: list[WorkerProcess] = []
        self._lock, self._closed = threading.Lock(), False
        atexit.register(self.close)  # `multiprocessing` would wait for them then, and for ever
        self._methods = [name for name in METHODS if name in multiprocessing.get_all_start_methods()]
        if "forkserver" in self._methods:
            multiprocessing.set_forkserver_preload([worker_process.__name__, "cv2"])

    def start(self) -> None:
        """Have one process ready. What fails is told to whoever asks for something first."""
        with contextlib.suppress(DigitseqError, Problem):
            self.call(Maker.open)(never_cancelled)

    def call(self, method: Method[P, T], *args: P.args, **kwargs: P.kwargs) -> Callable[[Check], T]:
        """A call of a method of `Maker` in a process, as a function of the `Check`."""
        return partial(self._call, (method, args, kwargs))

    def stream(
        self, method: Method[P, Generator[T, None, None]], *args: P.args, **kwargs: P.kwargs
    ) -> Callable[[Check], Generator[T, None, None]]:
        """The same for a method that yields; each item is made when it is asked for."""
        return partial(self._stream, (method, args, kwargs))

    def close(self) -> None:
        """End all processes. Those that are in use are killed."""
        with self._lock:
            self._closed, idle = True, {*self._idle}
            self._idle.clear()
        for process in [*self._all]:
            process.usable &= process in idle
            self._end(process)
        atexit.unregister(self.close)

    def _call(self, work: Any, check: Check) -> Any:
        with self._process() as process:
            made = process.ask((*work, False), check)
            return bytes(made) if isinstance(made, bytearray) else made

    def _stream(self, work: Any, check: Check) -> Generator[Any, None, None]:
        with self._process() as process:
            item = process.ask((*work, True), check)
            while item is not None:
                try:
                    yield item
                except GeneratorExit:
                    process.tell(CANCEL)
                    raise
                item = process.ask(NEXT, check)

    @contextlib.contextmanager
    def _process(self) -> Generator[WorkerProcess, None, None]:
        process = self._take()
        try:
            yield process
        finally:
            with self._lock:
                stays = process.usable and not self._closed and len(self._idle) < self._keep
                if stays:
                    self._idle.append(process)
            if not stays:
                self._end(process)

    def _take(self) -> WorkerProcess:
        while True:
            with self._lock:
                if not self._idle:
                    break
                process = self._idle.pop()
            if process.is_alive():
                return process
            self._end(process)
        process = self._started()
        self._all.add(process)
        return process

    def _started(self) -> WorkerProcess:
        why: BaseException | None = None
        for method in self._methods:
            try:
                return WorkerProcess(method, self._limits, self._cache)
            except (OSError, EOFError, MemoryError) as error:
                why = error
        raise Problem(503, "the server cannot start another process", Retry_After="5") from why

    def _end(self, process: WorkerProcess) -> None:
        process.end()
        self._all.discard(process)
