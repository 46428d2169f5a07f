"""Making the parts of a run in several processes.

Why not `ProcessPoolExecutor`: it hands out work in threads of its own. Where memory is short, a thread that cannot
start or that dies leaves the others waiting for ever, and a signal cannot end it. Here there is one connection to each
process and no other thread.

When a worker dies, what it had in hand is removed, and another process makes it again: the files have the same bytes.
Published parts are not affected, as workers never touch them. A run in which workers die again and again, as where
memory is short, breaks off with `RunError`.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from digitseq.errors import RunError
from digitseq.files.locations import is_object
from digitseq.formats.base import Format, Job
from digitseq.formats.parts import Part, Receipt
from digitseq.runs.pool_worker import PoolWorker
from digitseq.runs.workers import PARTS_AHEAD, Stop

MOST_IN_A_ROW = 3  # deaths of workers without a part that is finished
MOST_DEATHS = 10  # in a run


def make_in_processes(
    format_: Format, jobs: Sequence[Job], stage: Path, parts: Iterator[Part], stop: Stop, count: int
) -> Generator[Receipt, None, None]:
    """Make all parts in `count` processes; yields their receipts in order. Ends early after `stop`.

    Close the generator to be sure that no process is left. Raises what a worker raised, and `RunError` when too many
    died, or one cannot be started.
    """
    with contextlib.ExitStack() as cleanup:
        scratch = None
        if is_object(stage):  # what workers upload; killed ones leave it
            scratch = cleanup.enter_context(TemporaryDirectory(prefix="digitseq-", ignore_cleanup_errors=True))
        workers = [PoolWorker(format_, jobs, stage, scratch) for _ in range(count)]
        yield from _made_by(workers, parts, stop)


def _made_by(workers: list[PoolWorker], parts: Iterator[Part], stop: Stop) -> Generator[Receipt, None, None]:
    count = len(workers)
    try:
        for worker in workers:
            worker.start(count)
        # In turn: parts are of one size, and receipts arrive in the order in which they are wanted.
        turns = zip(parts, cycle(workers))
        under_way, deaths, in_a_row = deque[PoolWorker](), 0, 0
        while not stop.signal:
            for part, worker in islice(turns, count * PARTS_AHEAD - len(under_way)):
                worker.give(part)
                under_way.append(worker)
            if not under_way:
                return
            made = under_way[0].next_made()
            if isinstance(made, Exception):
                raise made
            if made is not None:
                under_way.popleft()
                in_a_row = 0
                yield made
                continue
            # the one whose turn it is may be slow, or stopped, while another has died
            for worker in workers:
                if not worker.is_alive():
                    deaths, in_a_row = deaths + 1, in_a_row + 1
                    if deaths == MOST_DEATHS or in_a_row == MOST_IN_A_ROW:
                        often = f"{in_a_row} times in a row" if in_a_row == MOST_IN_A_ROW else f"{deaths} times"
                        raise RunError(f"a worker process was killed or ran out of memory, {often}")
                    worker.replace(count)
    finally:
        # killed, not asked: nobody wants what is under way, and recovery has to cope with half-made parts anyway
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.join()
