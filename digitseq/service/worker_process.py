"""A process that makes images, as the service sees it, and what it does."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import os
import pickle
import signal
import socket
import traceback
from collections.abc import Generator
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

from digitseq.augment.base import opencv
from digitseq.errors import MissingPackageError, one_line
from digitseq.service.cancelling import deadline
from digitseq.service.limits import Limits
from digitseq.service.maker import Maker
from digitseq.service.messages import BlockingMessages, Messages
from digitseq.service.pipeline_cache import PipelineCache
from digitseq.service.worker_threads import Stopped, in_thread
from digitseq.sources.base import Check

NAME = "digitseq-service"
NEXT, CANCEL = "next", "cancel"  # what a process is told, beside what to make
END_SECONDS = 5  # in which a process must have noticed that nobody waits any more
NICER = 5  # by which its priority is lower than that of the event loop


class Killed(Exception):
    """The process was killed before it answered."""


class WorkerProcess:
    """A process that makes one thing at a time, for one event loop."""

    def __init__(self, process: BaseProcess, messages: Messages) -> None:
        self._process, self._messages = process, messages

    @classmethod
    async def started(cls, method: str, limits: Limits, cache: str | None) -> WorkerProcess:
        """A new one. method: how it is started, as `multiprocessing` calls it.

        Raises `OSError`, `EOFError`, `MemoryError` or, without a thread, `RuntimeError` when it cannot be started.
        """
        # nothing waits for the thread when the program ends
        starting = in_thread(partial(_start, method, limits, cache), "digitseq-start", daemon=True)
        process, connected = await asyncio.wrap_future(starting)
        return cls(process, await Messages.over(connected))

    @property
    def ready(self) -> bool:
        """Whether it was not killed, and no answer is due. Between two items of a stream it takes NEXT and CANCEL."""
        return self._messages.open and not self._messages.asked

    async def ask(self, message: Any) -> Any:
        """The answer to `message`. Raises what the process raised, and `Killed`.

        When the task is cancelled, the process is not ready until `stop` has ended.
        """
        try:
            found = await self._messages.ask(message)
        except OSError:
            raise Killed from None
        if isinstance(found, _Raised):
            raise found.error from _Trace(found.trace)
        return found

    def cancel(self) -> None:
        """Have it end what it makes, or the stream of which it has sent an item; without either it ignores that."""
        with contextlib.suppress(OSError):
            self._messages.tell(CANCEL)

    async def stop(self) -> None:
        """Have it end what it makes, if anything; it is ready then, unless it does not respond."""
        with contextlib.suppress(OSError, asyncio.TimeoutError), deadline(END_SECONDS):
            if self._messages.asked:
                self.cancel()
                await self._messages.answer()  # nobody wants it

    async def end(self) -> None:
        """Let it end, which it does when nobody can ask it any more; kill it, if it does not."""
        seconds = END_SECONDS if self.ready else 0
        self._messages.close()
        await asyncio.to_thread(self._kill, seconds)
        self._process.close()

    def _kill(self, seconds: float) -> None:
        self._process.join(seconds)
        self._process.kill()
        self._process.join()


def _start(method: str, limits: Limits, cache: str | None) -> tuple[BaseProcess, socket.socket]:
    """A process, and the socket over which it is asked."""
    context: Any = multiprocessing.get_context(method)
    ours, theirs = socket.socketpair()
    try:
        with theirs, _without_interrupts():
            process = context.Process(target=_work, args=(theirs, limits, cache), name=NAME, daemon=True)
            process.start()
    except BaseException:
        ours.close()
        raise
    return process, ours


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
    maker, messages = Maker(limits, PipelineCache(limits, cache)), BlockingMessages(connected)

    def check() -> None:
        if hasattr(os, "sched_yield"):
            os.sched_yield()  # else what the event loop does could wait for the end of this one's time slice
        if messages.waiting():  # told to cancel, or the end
            raise Stopped

    with contextlib.suppress(OSError):
        while True:
            message = messages.receive()
            if message != CANCEL:  # that came too late
                _answer(messages, maker, check, *message)


def _answer(
    messages: BlockingMessages, maker: Maker, check: Check, method: Any, args: Any, kwargs: Any, streams: bool
) -> None:
    """Make what was asked for. Each question has one answer; CANCEL, between two items of a stream, has none."""
    try:
        made = method(maker, check, *args, **kwargs)
        for item in made if streams else ():
            messages.send(item)
            if messages.receive() != NEXT:
                _close(made)
                return
    except Exception as error:
        made = _sendable(error)
    try:
        messages.send(None if streams and not isinstance(made, _Raised) else made)
    except (TypeError, AttributeError, ValueError, RecursionError, pickle.PicklingError):
        messages.send(_Raised(RuntimeError(one_line(repr(made))), traceback.format_exc()))


def _close(made: Generator[Any, None, None]) -> None:
    try:
        made.close()
    except Exception:  # nobody waits for an answer
        traceback.print_exc()


def _sendable(error: Exception) -> _Raised:
    """What is answered instead of a result. Not all exceptions can be sent, or received."""
    trace = traceback.format_exc()
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(one_line(repr(error)))
    return _Raised(error, trace)
