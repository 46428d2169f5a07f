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
import traceback
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from digitseq.errors import DigitseqError, RunError
from digitseq.formats.parts import Part, Receipt
from digitseq.runs.workers import PARTS_AHEAD, Abandoned, PartMaker, Stop

POLL_SECONDS = 0.2  # how long a request to stop may go unnoticed
END_SECONDS = 5.0  # in which a process must have ended that was killed


@dataclass
class Worker:
    """A process that makes parts, the connection to it, and how many parts it has been sent and not yet made."""

    process: Any
    connection: Connection[Any, Any]
    load: int = 0


def make_in_processes(
    maker: PartMaker, stage: Path, parts: Iterator[Part], stop: Stop, count: int
) -> Generator[Receipt, None, None]:
    """Make all parts in `count` processes; yields their receipts in order. Ends early after `stop`.

    Close the generator to be sure that no process is left. Raises what a worker raised, and `RunError` when one died,
    or cannot be started.
    """
    workers: list[Worker] = []
    under_way: deque[int] = deque()  # part numbers in order; a part that is made early waits for those before it
    made: dict[int, Receipt] = {}
    try:
        _start(workers, maker, stage, count)
        while not stop.requested:
            while len(under_way) < count * PARTS_AHEAD and (part := next(parts, None)) is not None:
                _send(min(workers, key=lambda worker: worker.load), part)
                under_way.append(part.number)
            if not under_way:
                return
            made |= {receipt.part.number: receipt for receipt in _received(workers)}
            while under_way and under_way[0] in made and not stop.requested:
                yield made.pop(under_way.popleft())
    finally:
        # killed, not asked: nobody wants what is under way, and recovery has to cope with half-made parts anyway
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.connection.close()
            worker.process.join(END_SECONDS)


def _start(workers: list[Worker], maker: PartMaker, stage: Path, count: int) -> None:
    """Start `count` processes, and add each to `workers` as soon as it runs."""
    forked = multiprocessing.get_start_method() == "fork"
    try:
        for _ in range(count):
            ours, theirs = multiprocessing.Pipe()
            # a forked process must not keep our ends of the connections open, or it would never see this process end
            inherited = [ours, *(worker.connection for worker in workers)] if forked else []
            process = multiprocessing.Process(target=_work, args=(maker, stage, theirs, inherited), daemon=True)
            try:
                process.start()
            except BaseException:
                ours.close()
                raise
            finally:
                theirs.close()  # now only the process has it, and its death ends the stream that we read
            workers.append(Worker(process, ours))
    except (OSError, MemoryError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or str(error) or "not enough memory"
        raise RunError(f"{count} processes cannot be started ({why}): give a smaller -m") from None


def _send(worker: Worker, part: Part) -> None:
    try:
        worker.connection.send(part)
    except OSError:
        raise _worker_died() from None
    worker.load += 1


def _received(workers: list[Worker]) -> Iterator[Receipt]:
    """What has been made since the last call; waits a moment for the first."""
    ready = wait([worker.connection for worker in workers], POLL_SECONDS)
    for worker in workers:
        if worker.connection in ready:
            try:
                result = worker.connection.recv()
            except (OSError, EOFError):  # it died, perhaps while it was sending
                raise _worker_died() from None
            if isinstance(result, BaseException):
                raise result
            worker.load -= 1
            yield result


def _worker_died() -> RunError:
    return RunError("a worker process was killed or ran out of memory")


def _work(maker: PartMaker, stage: Path, connection: Connection[Any, Any], inherited: list[Any]) -> None:
    """What a worker does until it is killed, or the process that started it has ended."""
    for other in inherited:
        other.close()
    # both may be sent to the whole process group: the owner ends the run in order, and kills its workers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        maker.prepare_process()
        os.chdir(stage)  # short paths cost the system less
        while True:
            connection.send(_made(maker, connection.recv()))
    except (EOFError, OSError, Abandoned):  # the owner has ended
        os._exit(0)


def _made(maker: PartMaker, part: Part) -> Receipt | Exception:
    """The receipt of the part, or what the owner shall raise."""
    try:
        return maker.make(part, Path(), _check_parent, direct=True)
    except Abandoned:
        raise
    except (OSError, MemoryError, DigitseqError) as error:
        return error
    except Exception:
        return RuntimeError(f"a worker process failed:\n{traceback.format_exc()}")


def _check_parent() -> None:
    """Raise `Abandoned` when the owner was killed: nobody else would end this process while it makes a part."""
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        raise Abandoned
