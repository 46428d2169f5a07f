"""Who makes the parts of a run. This process can do it itself; several do it in `digitseq.runs.pool`."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from digitseq.errors import RunError
from digitseq.formats.base import Format, Job
from digitseq.formats.parts import Part, PartFiles, Receipt

PARTS_AHEAD = 3  # for each process: enough to keep it busy


class Stop:
    """A request to end a run early.

    armed: there is something to be finished; until then a signal may end the program at once
    signal: the number of the signal that asked for the end
    """

    def __init__(self) -> None:
        self.requested = self.armed = False
        self.signal: int = signal.SIGINT

    def request(self, number: int = signal.SIGINT) -> None:
        """Ask for the end."""
        self.requested, self.signal = True, number


class Abandoned(Exception):
    """Nobody wants the part any more that is being made."""


class PartMaker:
    """Makes parts. Pickles small. jobs: one for each section of the run."""

    def __init__(self, format_: Format, jobs: list[Job]) -> None:
        self._format, self._jobs = format_, jobs

    def prepare_process(self) -> None:
        """Before anything is made in a process that is one of several: OpenCV's threads would only be in their way."""
        for job in self._jobs:
            job.pipeline.use_one_thread()

    def make(self, part: Part, stage: Path, check: Callable[[], None], direct: list[Path] | None = None) -> Receipt:
        """Make the files of `part` in a new directory in `stage`, named after its number.

        check, direct (for each section): see `PartFiles`. A pure function of the jobs and the part: whoever makes it,
        the files have the same bytes. Raises `OSError`.
        """
        directory = stage / str(part.number)
        directory.mkdir()
        files = PartFiles(directory, check, direct[part.section] if direct else None)
        self._format.make(self._jobs[part.section], part.start, part.stop, files)
        return files.receipt(part)


class Workers(Protocol):
    """Whoever makes parts. Use as a context manager: at its end nobody makes any."""

    capacity: int
    """How many parts may be under way."""

    def __enter__(self) -> Workers: ...

    def __exit__(self, *_: object) -> None: ...

    def submit(self, part: Part) -> None:
        """Have `part` made."""

    def results(self) -> list[Receipt]:
        """What was made since the last call; waits a moment for the first. Raises what broke off the work."""


def make_parts(workers: Workers, parts: Iterator[Part], stop: Stop) -> Iterator[Receipt]:
    """Have all parts made; yields their receipts in order. Ends early after `stop`."""
    under_way: deque[int] = deque()
    made: dict[int, Receipt] = {}
    while not stop.requested:
        while len(under_way) < workers.capacity and (part := next(parts, None)) is not None:
            workers.submit(part)
            under_way.append(part.number)
        if not under_way:
            return
        made |= {receipt.part.number: receipt for receipt in workers.results()}
        while under_way and under_way[0] in made and not stop.requested:
            yield made.pop(under_way.popleft())


class ThisProcess:
    """Makes parts itself. See `Workers`."""

    capacity = 1

    def __init__(self, maker: PartMaker, stage: Path, stop: Stop) -> None:
        self._maker, self._stage, self._stop = maker, stage, stop
        self._part: Part | None = None

    def __enter__(self) -> ThisProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._part = None

    def submit(self, part: Part) -> None:
        self._part = part

    def results(self) -> list[Receipt]:
        assert self._part is not None
        try:
            return [self._maker.make(self._part, self._stage, self._check)]
        except Abandoned:
            return []
        except MemoryError:
            raise RunError("there is not enough memory") from None

    def _check(self) -> None:
        if self._stop.requested:
            raise Abandoned
