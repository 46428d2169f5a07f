"""A pool of processes that make the parts of a run."""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from digitseq.errors import DigitseqError, RunError
from digitseq.formats.parts import Part, Receipt
from digitseq.runs.workers import PARTS_AHEAD, Abandoned, PartMaker, Stop

POLL_SECONDS = 0.2  # how long a request to stop may go unnoticed
END_SECONDS = 5.0  # in which a process must have ended that was killed


class ProcessPool:
    """Makes parts in `count` processes. Use as a context manager: at its end no process is left.

    Why not `ProcessPoolExecutor`: it hands out work in threads of its own. Where memory is short, a thread that cannot
    start or that dies leaves the others waiting for ever, and a signal cannot end it. Here there is one connection to
    each process, and the only thread waits for connections and for processes that end.

    When a worker dies, wherever it is, the run breaks off with `RunError`. The part that it was making is unfinished in
    the stage, or consists of images that the journal does not name: recovery removes both. Parts that were published
    before are not affected, as workers never touch them.
    """

    def __init__(self, maker: PartMaker, stage: Path, count: int) -> None:
        self._maker, self._stage, self._count = maker, stage, count
        self._processes: list[Any] = []
        self._connections: list[Connection[Any, Any]] = []
        self._loads: list[int] = []  # parts under way in each process

    def __enter__(self) -> ProcessPool:
        try:
            for _ in range(self._count):
                self._start()
        except BaseException as error:
            self.__exit__()
            if not isinstance(error, (OSError, MemoryError, RuntimeError)):
                raise
            why = getattr(error, "strerror", None) or str(error) or "not enough memory"
            raise RunError(f"{self._count} processes cannot be started ({why}): give a smaller -m") from None
        return self

    def _start(self) -> None:
        ours, theirs = multiprocessing.Pipe()
        self._connections.append(ours)
        # a forked process must not keep the ends of the others open, or they would never see the owner end
        inherited = list(self._connections) if multiprocessing.get_start_method() == "fork" else []
        process = multiprocessing.Process(target=_work, args=(self._maker, self._stage, theirs, inherited), daemon=True)
        try:
            process.start()
        finally:
            theirs.close()  # the only copy is the process's: when it dies, ours reads the end of the stream
        self._processes.append(process)
        self._loads.append(0)

    def __exit__(self, *_: object) -> None:
        # killed, not asked: what is under way is of no use any more, and recovery expects half-made parts anyway
        for process in self._processes:
            process.kill()
        for connection in self._connections:
            connection.close()
        for process in self._processes:
            process.join(END_SECONDS)

    def make(self, parts: Iterator[Part], stop: Stop) -> Iterator[Receipt]:
        """Have all parts made; yields their receipts in order. Ends early after `stop`.

        Raises what a worker raised, and `RunError` when one died.
        """
        under_way: deque[int] = deque()  # part numbers in order; a part that is made early waits for those before it
        made: dict[int, Receipt] = {}
        while not stop.requested:
            while len(under_way) < self._count * PARTS_AHEAD and (part := next(parts, None)) is not None:
                self._submit(part)
                under_way.append(part.number)
            if not under_way:
                return
            made |= {receipt.part.number: receipt for receipt in self._results()}
            while under_way and under_way[0] in made and not stop.requested:
                yield made.pop(under_way.popleft())

    def _submit(self, part: Part) -> None:
        """Send the part to the process that has the fewest."""
        worker = self._loads.index(min(self._loads))
        try:
            self._connections[worker].send(part)
        except OSError:
            raise _worker_died() from None
        self._loads[worker] += 1

    def _results(self) -> list[Receipt]:
        """What has been made since the last call; waits a moment for the first."""
        receipts = []
        sentinels = [process.sentinel for process in self._processes]
        ready = wait([*self._connections, *sentinels], POLL_SECONDS)
        for worker, connection in enumerate(self._connections):
            if connection in ready:
                try:
                    result = connection.recv()
                except (OSError, EOFError):  # it died while it sent, or before
                    raise _worker_died() from None
                if isinstance(result, BaseException):
                    raise result
                self._loads[worker] -= 1
                receipts.append(result)
        # a process that has ended may have sent its last part before: that is read first
        if not receipts and any(sentinel in ready for sentinel in sentinels):
            raise _worker_died()
        return receipts


def _worker_died() -> RunError:
    return RunError("a worker process was killed or ran out of memory")


def _work(maker: PartMaker, stage: Path, connection: Connection[Any, Any], inherited: list[Any]) -> None:
    """What a process of the pool does until the owner kills it, or has ended itself."""
    for other in inherited:
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the owner ends the run in order
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        maker.prepare_process()
        os.chdir(stage)  # short paths cost the system less
        while True:
            connection.send(_made(maker, connection.recv()))
    except (EOFError, OSError, Abandoned):  # the owner has ended
        os._exit(0)


def _made(maker: PartMaker, part: Part) -> Receipt | BaseException:
    """The receipt of the part, or what the owner shall raise."""
    try:
        return maker.make(part, Path(), _check_parent, direct=True)
    except (OSError, DigitseqError) as error:
        return error
    except MemoryError:
        return RunError("there is not enough memory")
    except Abandoned:
        raise
    except Exception:
        return RuntimeError(f"a worker process failed:\n{traceback.format_exc()}")


def _check_parent() -> None:
    """Raise `Abandoned` when the owner was killed: nobody else would end this process while it makes a part."""
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        raise Abandoned
