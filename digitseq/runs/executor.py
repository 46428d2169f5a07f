"""Making the parts of a run through any executor with the interface of `concurrent.futures`, on this machine or others.

Only `submit` is used, and `result`, `cancelled`, `cancel` and `add_done_callback` of futures. Tasks return receipts,
which are small; images go to the stage.

Parts are published in order, but finished in any. So that one slow worker does not stop the others, there may be
`PARTS_PER_WORKER` parts under way for each: a part that takes as long as so many others delays nobody. More would only
keep more unpublished parts in the stage, and more memory of the owner: some 10 kB a part. `tests/campaigns/scale.py`
shows what comes of it with many workers.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from dataclasses import dataclass
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any

from digitseq import __version__
from digitseq.errors import DigitseqError, RunError, one_line
from digitseq.formats.parts import Part, Receipt
from digitseq.runs.work import Order
from digitseq.runs.workers import Abandoned, Stop

PARTS_PER_WORKER = 16
MOST_PARTS = 20_000  # under way, of any number of workers
# At a part whose workers die: a cluster whose machines come and go gets on, and a part for which the memory of no
# worker is enough ends the run.
ATTEMPTS = 10
POLL_SECONDS = 0.2  # how long a request to stop may go unnoticed
# "the worker died": these are the classes of Dask and Ray, which are not imported for their names
DEATHS = frozenset({"KilledWorker", "WorkerCrashedError", "NodeDiedError", "LocalRayletDiedError"})
# What a task calls, `work.make_for`, by its name: every worker can unpickle this, and say that it lacks digitseq.
# A worker of Dask would end, and so would a scheduler without digitseq.
TASK = "__import__('digitseq.runs.work', fromlist=['make_for']).make_for(*arguments)"


@dataclass(frozen=True)
class Crew:
    """Who makes the parts of a run. workers: how many tasks run at once, now"""

    executor: Executor
    workers: Callable[[], int]

    @classmethod
    def of(cls, executor: Executor) -> Crew:
        """That of any executor. One that does not say how many workers it has counts as this machine's processors."""
        known = (getattr(executor, name, None) for name in ("num_workers", "_max_workers"))
        count = next((n for n in known if isinstance(n, int) and n > 0), os.cpu_count() or 1)
        return cls(executor, lambda: count)


def make_by_executor(crew: Crew, order: Order, parts: Iterator[Part], stop: Stop) -> Generator[Receipt, None, None]:
    """Make all parts; yields their receipts in order. Ends early after `stop`.

    Close the generator to cancel what has not begun. What runs is not waited for: it ends when it finds that its stage
    was removed. Raises what a worker raised, and `RunError` when parts are cancelled, or their workers die too often.
    """
    tasks, wanted, made = _Tasks(crew.executor, order), deque[int](), dict[int, Receipt]()
    try:
        while not stop.signal:
            # what waits for its turn counts, too: it takes room in the stage
            window = min(max(crew.workers(), 1) * PARTS_PER_WORKER, MOST_PARTS)
            for part in islice(parts, max(window - len(wanted), 0)):
                tasks.submit(part)
                wanted.append(part.number)
            if not wanted:
                return
            try:
                receipt = tasks.next_receipt()
            except Exception:
                if stop.signal:  # which may have been sent to the workers, too, as Ctrl-C is
                    return
                raise
            if receipt:
                made[receipt.part.number] = receipt
            while wanted and wanted[0] in made and not stop.signal:
                yield made.pop(wanted.popleft())
    finally:
        tasks.cancel()


class _Tasks:
    """The parts that are under way in an executor."""

    def __init__(self, executor: Executor, order: Order) -> None:
        self._executor, self._order = executor, order
        self._parts: dict[Future[Receipt], tuple[Part, int]] = {}
        self._ended = SimpleQueue[Future[Receipt]]()

    def submit(self, part: Part, attempt: int = 1) -> None:
        """Give a part to the executor. Raises `RunError` when it takes nothing any more."""
        arguments = {"arguments": (tuple(self._order), tuple(part), attempt)}
        try:
            future = self._executor.submit(eval, TASK, arguments)
            future.add_done_callback(self._ended.put)
        except Exception as error:  # shut down, broken, its scheduler cannot be reached, or it is no executor
            raise RunError(f"the executor takes no more work ({one_line(error, 120)})") from error
        self._parts[future] = part, attempt

    def next_receipt(self) -> Receipt | None:
        """A part that was made; None when there is none for a while. Parts of workers that died are made again."""
        try:
            future = self._ended.get(timeout=POLL_SECONDS)
        except Empty:
            return None
        part, attempt = self._parts.pop(future)
        try:
            if not future.cancelled():
                return _checked(future.result(), part)
            raise CancelledError
        except Exception as error:
            if DEATHS.isdisjoint(kind.__name__ for kind in type(error).__mro__):
                raise _fault(error) from error
            if attempt == ATTEMPTS:
                raise RunError(
                    f"the workers that made images {part.start + 1:,} to {part.stop:,} died {ATTEMPTS} times: give "
                    "workers more memory"
                ) from error
        self.submit(part, attempt + 1)
        return None

    def cancel(self) -> None:
        """Let nothing begin that has not."""
        for future in self._parts:
            future.cancel()


def _checked(result: Any, part: Part) -> Receipt:
    """The receipt of the part. Raises `RunError` when it is anything else, as from an executor that keeps results."""
    if isinstance(result, Receipt) and result.part == part:
        return result
    raise RunError(f"the executor has returned something else than its task ({one_line(repr(result), 80)})")


def _fault(error: Exception) -> Exception:
    """What the owner raises when a task failed."""
    if isinstance(error, DigitseqError | OSError | MemoryError):
        return error
    if isinstance(error, CancelledError):
        return RunError("the executor has cancelled parts of the run: it was shut down, or its scheduler has gone")
    if isinstance(error, BrokenExecutor):
        return RunError(
            "a worker process of the executor was killed or ran out of memory, and the executor is broken: make a new "
            "one"
        )
    if isinstance(error, Abandoned):
        return RunError("the directory for unfinished files was removed while the run needed it")
    if isinstance(error, ImportError | AttributeError):
        return RunError(
            f"a worker cannot load what it needs ({one_line(error, 160)}): pip install digitseq=={__version__} there"
        )
    return RunError(f"a worker failed ({type(error).__name__}: {one_line(error, 160)})")
