"""Making the parts of a run in several processes.

Why not `ProcessPoolExecutor`: it hands out work in threads of its own. Where memory is short, a thread that cannot
start or that dies leaves the others waiting for ever, and a signal cannot end it. Here there is one connection to each
process and no other thread.

When a worker dies, wherever it is, the run breaks off with `RunError`. The part that it was making is unfinished in the
stage, or consists of images that the journal does not name yet: both are removed. Published parts are not affected, as
workers never touch them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from itertools import cycle, islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from digitseq.errors import DigitseqError, RunError
from digitseq.files.locations import is_object, location
from digitseq.formats.base import Format, Job
from digitseq.formats.parts import Part, Receipt
from digitseq.runs.workers import PARTS_AHEAD, Abandoned, Stop, make_part

POLL_SECONDS = 0.2  # how long a request to stop may go unnoticed
END_SECONDS = 5.0  # in which a process must have ended that was killed


def make_in_processes(
    format_: Format, jobs: Sequence[Job], stage: Path, parts: Iterator[Part], stop: Stop, count: int
) -> Generator[Receipt, None, None]:
    """Make all parts in `count` processes; yields their receipts in order. Ends early after `stop`.

    Close the generator to be sure that no process is left. Raises what a worker raised, and `RunError` when one died,
    or cannot be started.
    """
    workers: list[tuple[Any, Connection[Any, Any]]] = []
    try:
        _start(workers, count, format_, jobs, stage)
        # In turn: parts are of one size, and receipts arrive in the order in which they are wanted.
        turns = zip(parts, cycle(connection for _, connection in workers))
        under_way: deque[Connection[Any, Any]] = deque()
        while not stop.signal:
            try:
                for part, connection in islice(turns, count * PARTS_AHEAD - len(under_way)):
                    connection.send(part)
                    under_way.append(connection)
                if not under_way:
                    return
                if not under_way[0].poll(POLL_SECONDS):
                    # the one whose turn it is may be slow, or stopped, while another has died
                    if not all(process.is_alive() for process, _ in workers):
                        raise EOFError
                    continue
                made = under_way.popleft().recv()
            except (OSError, EOFError):  # it died, perhaps while it was sending
                raise RunError("a worker process was killed or ran out of memory") from None
            if isinstance(made, BaseException):
                raise made
            yield made
    finally:
        # killed, not asked: nobody wants what is under way, and recovery has to cope with half-made parts anyway
        for process, _ in workers:
            process.kill()
        for process, connection in workers:
            connection.close()
            process.join(END_SECONDS)


def _start(workers: list[tuple[Any, Connection[Any, Any]]], count: int, *work: object) -> None:
    """Start `count` processes, and add each to `workers` as soon as it runs."""
    try:
        for _ in range(count):
            ours, theirs = multiprocessing.Pipe()
            process = multiprocessing.Process(target=_work, args=(ours, theirs, *work), daemon=True)
            process.start()
            theirs.close()  # now only the process has it, and its death ends the stream that we read
            workers.append((process, ours))
    except (OSError, MemoryError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or str(error) or "not enough memory"
        raise RunError(f"{count} processes cannot be started ({why}): give a smaller `multi_core`") from None


def _work(
    owners: Connection[Any, Any], connection: Connection[Any, Any], format_: Format, jobs: Sequence[Job], stage: Path
) -> None:
    """What a worker does until it is killed, or the process that started it has ended."""
    # With a copy of the owner's end, this process would never see the owner end. Processes that were forked earlier
    # end after this one, which has copies of theirs.
    owners.close()
    # both may be sent to the whole process group: the owner ends the run in order, and kills its workers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        for job in jobs:
            job.pipeline.use_one_thread()
        if is_object(stage):
            # clients of stores do not survive a fork: here the path gets one of its own
            stage, direct = location(str(stage)), False
        else:
            os.chdir(stage)  # short paths cost the system less
            stage, direct = Path(), True
        while True:
            connection.send(_made(format_, jobs, connection.recv(), stage, direct))
    except (EOFError, OSError, MemoryError, Abandoned):  # the owner has ended, or learns from this end what is wrong
        os._exit(0)


def _made(format_: Format, jobs: Sequence[Job], part: Part, stage: Path, direct: bool) -> Receipt | Exception:
    """The receipt of the part, or what the owner shall raise."""
    try:
        return make_part(format_, jobs, part, stage, _check_parent, direct)
    except (OSError, MemoryError, DigitseqError) as error:
        return error


def _check_parent() -> None:
    """Raise `Abandoned` when the owner was killed: nobody else would end this process while it makes a part."""
    if (parent := multiprocessing.parent_process()) and not parent.is_alive():
        raise Abandoned
