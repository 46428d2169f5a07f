"""Processes that make images.

Threads of the service would share Python's interpreter lock with its event loop: long work of one client would delay
the short answers to all others.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import multiprocessing
import os
import pickle
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, NamedTuple, ParamSpec, TypeVar

from digitseq.augment.base import opencv
from digitseq.errors import MissingPackageError, one_line
from digitseq.service.glyph_sets import GlyphSets
from digitseq.service.limits import Limits
from digitseq.service.maker import Maker, Method
from digitseq.service.messages import Messages
from digitseq.service.pipeline_cache import PipelineCache
from digitseq.service.problems import Problem
from digitseq.service.requests import settings_within
from digitseq.service.worker_threads import Stopped
from digitseq.sources.base import Check, never_cancelled

P = ParamSpec("P")
T = TypeVar("T")
NEXT, CANCEL = "next", "cancel"  # what a process is told, beside what to make
POLL_SECONDS = 0.05  # how long it may go unnoticed that nobody waits any more
END_SECONDS = 5.0  # in which a process must have noticed, too
NICER = 5


class WorkerProcesses:
    """Processes that are started when all others are busy; of those that are idle, `keep` stay. For any thread."""

    def __init__(self, limits: Limits, cache: str | None, keep: int) -> None:
        self._limits, self._cache, self._keep = limits, cache, keep
        self._all: set[_WorkerProcess] = set()
        self._idle: list[_WorkerProcess] = []
        self._lock, self._closed = threading.Lock(), False
        atexit.register(self.close)  # `multiprocessing` would wait for them then, and for ever
        forks = "forkserver" in multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context("forkserver" if forks else "spawn")
        if forks:  # from a process that has imported everything, and has no threads
            self._context.set_forkserver_preload([__name__, "cv2"])

    def start(self) -> None:
        """Have one process ready."""
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
    def _process(self) -> Generator[_WorkerProcess, None, None]:
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

    def _take(self) -> _WorkerProcess:
        while True:
            with self._lock:
                if not self._idle:
                    break
                process = self._idle.pop()
            if process.is_alive():
                return process
            self._end(process)
        process = _WorkerProcess(self._context, self._limits, self._cache)
        self._all.add(process)
        return process

    def _end(self, process: _WorkerProcess) -> None:
        process.end()
        self._all.discard(process)


class _WorkerProcess:
    """A process that makes one thing at a time. Raises `Problem` 503 when it cannot be started."""

    def __init__(self, context: Any, limits: Limits, cache: str | None) -> None:
        try:
            ours, theirs = socket.socketpair()
            self._messages = Messages(ours)
            with theirs:
                work = (theirs, limits, cache)
                self._process = context.Process(target=_work, args=work, name="digitseq", daemon=True)
                self._process.start()
        except (OSError, EOFError, MemoryError) as error:
            raise Problem(503, "the server has no memory for another process", Retry_After="5") from error
        self.usable = True

    def ask(self, message: Any, check: Check) -> Any:
        """The answer to `message`. Raises what the process raised, `Problem` 503 when it has died, and as `check`."""
        try:
            self._messages.send(message)
            self._await_answer(check)
            found = self._messages.receive()
        except OSError:
            self.usable = False
            raise Problem(503, "the process that made this was killed: ask again", Retry_After="1") from None
        if isinstance(found, _Raised):
            raise found.error from _Trace(found.trace)
        return found

    def tell(self, message: str) -> None:
        """Send what has no answer."""
        try:
            self._messages.send(message)
        except OSError:
            self.usable = False

    def is_alive(self) -> bool:
        """Whether it was not killed."""
        return bool(self._process.is_alive())

    def end(self) -> None:
        """Let the process end, which it does when nobody can ask it any more."""
        self._messages.close()
        if self.usable:
            self._process.join(END_SECONDS)
        self._process.kill()
        self._process.join()

    def _await_answer(self, check: Check) -> None:
        try:
            while not self._messages.wait(POLL_SECONDS):
                check()
        except Stopped:
            self._messages.send(CANCEL)
            if self._messages.wait(END_SECONDS):
                self._messages.receive()  # nobody wants it
            else:
                self.usable = False
            raise


class _Trace(Exception):
    """Where an exception was raised in another process."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class _Raised(NamedTuple):
    """What a process answers when it could not make something."""

    error: Exception
    trace: str


def _work(connected: socket.socket, limits: Limits, cache: str | None) -> None:
    """What a process does until the one that started it has ended, or closes its end of the socket."""
    # both may be sent to the whole process group: the service lets answers under way finish first
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICER)
    with contextlib.suppress(MissingPackageError):  # plain images need none
        opencv().setNumThreads(0)  # one process among several
    gc.freeze()
    pipelines = PipelineCache(limits, GlyphSets(cache), cache, finds_lines=False)
    maker, messages = Maker(limits, settings_within(limits), pipelines), Messages(connected)

    def check() -> None:
        if messages.wait(0):  # told to cancel, or the end
            raise Stopped

    with contextlib.suppress(OSError):
        while True:
            message = messages.receive()
            if message != CANCEL:  # that came too late
                _answer(messages, maker, check, *message)


def _answer(messages: Messages, maker: Maker, check: Check, method: Any, args: Any, kwargs: Any, streams: bool) -> None:
    try:
        made = method(maker, check, *args, **kwargs)
        for item in made if streams else ():
            messages.send(item)
            if messages.receive() != NEXT:
                made.close()
                return
    except Exception as error:
        made = _Raised(error, traceback.format_exc())
    try:
        messages.send(None if streams and not isinstance(made, _Raised) else made)
    except (TypeError, AttributeError, pickle.PicklingError):  # not all exceptions can be sent
        messages.send(_Raised(RuntimeError(one_line(repr(made))), getattr(made, "trace", "")))
