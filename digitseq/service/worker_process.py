"""A process that makes images, as the service sees it, and what it does."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import pickle
import signal
import socket
import traceback
from collections.abc import Generator
from multiprocessing import resource_tracker
from typing import Any, NamedTuple

from digitseq.augment.base import opencv
from digitseq.errors import MissingPackageError, one_line
from digitseq.service.glyph_sets import GlyphSets
from digitseq.service.limits import Limits
from digitseq.service.maker import Maker
from digitseq.service.messages import Messages
from digitseq.service.pipeline_cache import PipelineCache
from digitseq.service.problems import Problem
from digitseq.service.requests import settings_within
from digitseq.service.worker_threads import Stopped
from digitseq.sources.base import Check

NEXT, CANCEL = "next", "cancel"  # what a process is told, beside what to make
POLL_SECONDS = 0.05  # how long it may go unnoticed that nobody waits any more
END_SECONDS = 5  # in which a process must have noticed, too
NICER = 5  # by which its priority is lower than that of the event loop


class WorkerProcess:
    """A process that makes one thing at a time. method: how it is started, as `multiprocessing` calls it.

    Raises `OSError`, `EOFError` or `MemoryError` when it cannot be started.
    """

    def __init__(self, method: str, limits: Limits, cache: str | None) -> None:
        context: Any = multiprocessing.get_context(method)
        ours, theirs = socket.socketpair()
        self._messages = Messages(ours, int(END_SECONDS))
        with theirs:
            self._process = context.Process(target=_work, args=(theirs, limits, cache), name="digitseq", daemon=True)
            with _without_interrupts():
                self._process.start()
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


@contextlib.contextmanager
def _without_interrupts() -> Generator[None, None, None]:
    """Lets processes that are started in it never see a Ctrl-C: they would print a traceback while they import."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # which would take the signal from the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
        if hasattr(os, "sched_yield"):
            os.sched_yield()  # else what the event loop does could wait for the end of this one's time slice
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
