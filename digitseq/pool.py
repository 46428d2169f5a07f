"""Runs the tasks of a run, in this process or in several, and hands the results back in order."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from digitseq.errors import RunError
from digitseq.writers.base import PartMaker, Task

if TYPE_CHECKING:
    from concurrent.futures import Future

Results = Generator[tuple[Task, Path], None, None]
TASKS_IN_FLIGHT = 3  # for each process: enough to keep it busy, few enough to stop within a second


class Stop:
    """A request to end a run early; what is being made at that moment is finished.

    armed: there is something to be finished; until then a signal may end the program at once.
    """

    def __init__(self) -> None:
        self.requested = self.armed = False

    def request(self, *_: object) -> None:
        """Ask for the end. Takes any arguments, so that it can be a signal handler."""
        self.requested = True


class WorkerDied(RunError):
    """A worker process ended without being asked to."""


def run_tasks(maker: PartMaker, tasks: Iterable[Task], processes: int, stop: Stop) -> Results:
    """Make the part of each task; yields (task, part) in the order of `tasks`.

    After `stop` no further task is begun. Raises `OSError` from a task, and `WorkerDied`.
    """
    if processes > 1:
        yield from _run_in_pool(maker, tasks, processes, stop)
        return
    for task in tasks:
        if stop.requested:
            return
        yield task, maker.make(*task)


def _run_in_pool(maker: PartMaker, tasks: Iterable[Task], processes: int, stop: Stop) -> Results:
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    pending: deque[tuple[Task, Future[Path]]] = deque()
    with ProcessPoolExecutor(processes, initializer=_begin_worker, initargs=(maker,)) as executor:
        try:
            for task in tasks:
                if stop.requested:
                    break
                pending.append((task, executor.submit(_make, *task)))
                if len(pending) == processes * TASKS_IN_FLIGHT:
                    yield _next_result(pending)
            if stop.requested:
                while pending and pending[-1][1].cancel():
                    pending.pop()
            while pending:
                yield _next_result(pending)
        except BrokenProcessPool:
            raise WorkerDied("a worker process was killed or ran out of memory") from None
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def _next_result(pending: deque[tuple[Task, Future[Path]]]) -> tuple[Task, Path]:
    task, future = pending.popleft()
    return task, future.result()


# What this process was started to do, when it is a worker: the one thing an executor cannot pass on by arguments.
_maker: PartMaker | None = None
_making = threading.Lock()


def _begin_worker(maker: PartMaker) -> None:
    global _maker
    os.chdir(maker.folder)
    _maker = maker.in_worker()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends the run in order
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, args=(maker.in_place,), daemon=True).start()


def _end_with_parent(in_place: bool) -> None:
    """A worker whose parent was killed finishes a part under final names; it would wait for more for ever."""
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        with _making if in_place else contextlib.nullcontext():
            os._exit(1)


def _make(start: int, stop: int) -> Path:
    assert _maker is not None
    with _making:
        return _maker.make(start, stop)
