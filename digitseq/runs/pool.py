"""A pool of processes that make the parts of a run."""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from digitseq.errors import DigitseqError, RunError
from digitseq.formats.parts import Part, Receipt
from digitseq.runs.workers import PARTS_AHEAD, Abandoned, PartMaker

POLL_SECONDS = 0.2  # how often whoever waits looks for a request to stop
END_SECONDS = 5.0  # in which a process must have ended that was killed


class ProcessPool:
    """Makes parts in `count` processes. See `Workers`.

    There is one connection to each process and no thread beside this one: a thread that cannot be started, or that
    ends for want of memory, would leave the others of concurrent.futures waiting for ever.
    """

    def __init__(self, maker: PartMaker, stage: Path, direct: list[Path], count: int) -> None:
        self._maker, self._stage, self._count = maker, stage, count
        self._direct = [Path(path.name) for path in direct]  # as seen from the stage
        self._processes: list[Any] = []
        self._connections: list[Connection[Any, Any]] = []
        self._loads: list[int] = []
        self.capacity = count * PARTS_AHEAD

    def __enter__(self) -> ProcessPool:
        try:
            for _ in range(self._count):
                self._start()
        except (OSError, MemoryError, RuntimeError) as error:
            self.__exit__()
            why = getattr(error, "strerror", None) or str(error) or "not enough memory"
            raise RunError(f"{self._count} processes cannot be started ({why}): give a smaller -m") from None
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        ours, theirs = multiprocessing.Pipe()
        self._connections.append(ours)
        # a forked process must not keep the ends of the others open, or they would never see the owner end
        inherited = list(self._connections) if multiprocessing.get_start_method() == "fork" else []
        process = multiprocessing.Process(
            target=_work, args=(self._maker, self._stage, self._direct, theirs, inherited), daemon=True
        )
        try:
            process.start()
        finally:
            theirs.close()
        self._processes.append(process)
        self._loads.append(0)

    def __exit__(self, *_: object) -> None:
        # they write to their own directories only, so that nothing is lost with them
        for process in self._processes:
            process.kill()
        for connection in self._connections:
            connection.close()
        for process in self._processes:
            process.join(END_SECONDS)
        self._processes, self._connections, self._loads = [], [], []

    def submit(self, part: Part) -> None:
        worker = self._loads.index(min(self._loads))
        try:
            self._connections[worker].send(part)
        except OSError:
            raise _worker_died() from None
        self._loads[worker] += 1

    def results(self) -> list[Receipt]:
        receipts = []
        sentinels = [process.sentinel for process in self._processes]
        ready = wait([*self._connections, *sentinels], POLL_SECONDS)
        for worker, connection in enumerate(self._connections):
            if connection in ready:
                try:
                    result = connection.recv()
                except (OSError, EOFError):
                    raise _worker_died() from None
                if isinstance(result, BaseException):
                    raise result
                self._loads[worker] -= 1
                receipts.append(result)
        if not receipts and any(sentinel in ready for sentinel in sentinels):
            raise _worker_died()
        return receipts


def _worker_died() -> RunError:
    return RunError("a worker process was killed or ran out of memory")


def _work(
    maker: PartMaker, stage: Path, direct: list[Path], connection: Connection[Any, Any], inherited: list[Any]
) -> None:
    """What a process of the pool does."""
    for other in inherited:
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the owner ends the run in order
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        maker.prepare_process()
        os.chdir(stage)  # short paths cost the system less
        while True:
            connection.send(_made(maker, connection.recv(), direct))
    except (EOFError, OSError, Abandoned):  # the owner has ended
        os._exit(0)


def _made(maker: PartMaker, part: Part, direct: list[Path]) -> Receipt | BaseException:
    try:
        return maker.make(part, Path(), _check_parent, direct)
    except (OSError, DigitseqError) as error:
        return error
    except MemoryError:
        return RunError("there is not enough memory")
    except Abandoned:
        raise
    except Exception:
        return RuntimeError(f"a worker process failed:\n{traceback.format_exc()}")


def _check_parent() -> None:
    """End the work when the owner was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        raise Abandoned
