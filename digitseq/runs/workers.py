"""Making the parts of a run, here in this process; `digitseq.runs.pool` does it in several."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from digitseq.formats.base import Format, Job
from digitseq.formats.parts import Part, PartFiles, Receipt

MAX_PROCESSES = 256
PARTS_AHEAD = 3  # parts under way for each process: enough to keep it busy while the owner publishes


class Stop:
    """A request to end a run early.

    armed: set when images are about to be written; until then a signal may end the program at once
    signal: the number of the signal that asked for the end
    """

    def __init__(self) -> None:
        self.requested = self.armed = False
        self.signal: int = signal.SIGINT

    def request(self, number: int = signal.SIGINT) -> None:
        """Ask the run to end."""
        self.requested, self.signal = True, number


class Abandoned(Exception):
    """The part that is being made is no longer wanted."""


class PartMaker:
    """Makes parts. Pickles small. jobs: one for each section of the run."""

    def __init__(self, format_: Format, jobs: list[Job]) -> None:
        self._format, self._jobs = format_, jobs

    def prepare_process(self) -> None:
        """To be called first in each of several processes, which the threads of OpenCV would only slow down."""
        for job in self._jobs:
            job.pipeline.use_one_thread()

    def make(self, part: Part, stage: Path, check: Callable[[], None], direct: bool = False) -> Receipt:
        """Make the files of `part` in a new directory in `stage`, named after its number.

        A pure function of the jobs and the part: whoever makes it, the files have the same bytes. Raises `OSError`.

        check: called between batches, may raise `Abandoned`
        direct: create single images under their final names, through a link in `stage`; see `PartFiles`
        """
        directory = stage / str(part.number)
        directory.mkdir()
        files = PartFiles(directory, check, direct_link(stage, part.section) if direct else None)
        self._format.make(self._jobs[part.section], part.start, part.stop, files)
        return files.receipt(part)


def direct_link(stage: Path, section: int) -> Path:
    """The link in `stage` to the folder of a section."""
    return stage / f"folder{section}"


def make_here(maker: PartMaker, stage: Path, parts: Iterator[Part], stop: Stop) -> Generator[Receipt, None, None]:
    """Make all parts in this process. Ends early after `stop`, at the next batch. Raises `OSError`."""

    def check() -> None:
        if stop.requested:
            raise Abandoned

    for part in parts:
        try:
            check()
            receipt = maker.make(part, stage, check)
        except Abandoned:
            return
        yield receipt
