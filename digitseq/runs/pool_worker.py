"""A worker process of a pool, as its owner sees it, and what it does."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from digitseq.errors import DigitseqError, RunError
from digitseq.files.locations import is_object, location
from digitseq.formats.base import Format, Job
from digitseq.formats.parts import Part, Receipt
from digitseq.runs.local_folder import remove_directory
from digitseq.runs.workers import Abandoned, direct_link, make_part

POLL_SECONDS = 0.2  # how long a request to stop may go unnoticed
END_SECONDS = 5.0  # in which a process must have ended that was killed


class PoolWorker:
    """A process that makes parts in the order in which it gets them, and the one that takes its place if it dies.

    scratch: a directory for its temporary files, which the owner removes
    """

    def __init__(self, format_: Format, jobs: Sequence[Job], stage: Path, scratch: str | None = None) -> None:
        self._format, self._jobs, self._stage, self._scratch = format_, jobs, stage, scratch
        self._process: Any = None
        self._connection: Connection[Any, Any] | None = None
        self._silent = False  # its end of the connection is closed
        self._in_hand = deque[Part]()
        self._made = deque[Receipt | Exception]()  # what it had made when it died

    def start(self, count: int) -> None:
        """Start the process, one of `count`. Raises `RunError`."""
        try:
            self._connection, theirs = multiprocessing.Pipe()
            work = (self._connection, theirs, self._format, self._jobs, self._stage, self._scratch)
            process = multiprocessing.Process(target=_work, args=work, daemon=True)
            process.start()
            self._silent = False
            theirs.close()  # now only the process has it, and its death ends the stream that we read
            self._process = process
        except (OSError, MemoryError, RuntimeError) as error:
            why = getattr(error, "strerror", None) or str(error) or "not enough memory"
            raise RunError(f"{count} processes cannot be started ({why}): give a smaller `multi_core`") from None

    def give(self, part: Part) -> None:
        """A part to make after those that it has."""
        self._in_hand.append(part)
        self._send(part)

    def next_made(self) -> Receipt | Exception | None:
        """What has come of the next part; None when nothing came for a while, or the process has died."""
        if not self._made and not self._receive(POLL_SECONDS):
            return None
        self._in_hand.popleft()
        return self._made.popleft()

    def is_alive(self) -> bool:
        """Whether the process makes parts. It may have sent some before it died."""
        return not self._silent and bool(self._process.is_alive())

    def replace(self, count: int) -> None:
        """Start another process in the place of one that has died, for the parts that it has not made."""
        self.kill()
        while self._receive(0):
            pass
        self.join()
        self.start(count)
        for part in list(self._in_hand)[len(self._made) :]:
            self._remove(part)
            self._send(part)

    def kill(self) -> None:
        """End the process, whatever it does."""
        if self._process:
            self._process.kill()

    def join(self) -> None:
        """Wait until it is gone."""
        if self._connection:
            self._connection.close()
            self._connection = None
        if self._process:
            self._process.join(END_SECONDS)

    def _send(self, part: Part) -> None:
        try:
            if self._connection:
                self._connection.send(part)
        except OSError:  # it has died: its successor gets the part
            self._silent = True

    def _receive(self, seconds: float) -> bool:
        """Add to `_made` what arrives within this time; False when nothing did."""
        try:
            if not self._connection or not self._connection.poll(seconds):
                return False
            self._made.append(self._connection.recv())
        except (OSError, EOFError):  # it died, perhaps while it was sending
            self._silent = True
            return False
        return True

    def _remove(self, part: Part) -> None:
        """Remove what a process that is dead has made of a part: its directory, and images under their final names."""
        if is_object(self._stage):
            return  # the same objects are written again
        job, link = self._jobs[part.section], direct_link(self._stage, part.section)
        for name in self._format.numbered(job.labels, job.pipeline.settings.masks):
            for number in range(part.start + 1, part.stop + 1):
                (link / (name % number)).unlink(missing_ok=True)
        remove_directory(self._stage / str(part.number))


def _work(
    owners: Connection[Any, Any],
    connection: Connection[Any, Any],
    format_: Format,
    jobs: Sequence[Job],
    stage: Path,
    scratch: str | None,
) -> None:
    """What a worker does until it is killed, or the process that started it has ended.

    scratch: a directory for temporary files, which the owner removes
    """
    tempfile.tempdir = scratch or tempfile.tempdir
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
            stage = location(str(stage))  # clients of stores do not survive a fork: this path has one of its own
        else:
            os.chdir(stage)  # short paths cost the system less
            stage = Path()
        while True:
            connection.send(_made(format_, jobs, connection.recv(), stage))
    except (EOFError, OSError, MemoryError, Abandoned):  # the owner has ended, or learns from this end what is wrong
        os._exit(0)


def _made(format_: Format, jobs: Sequence[Job], part: Part, stage: Path) -> Receipt | Exception:
    """The receipt of the part, or what the owner shall raise."""
    try:
        return make_part(format_, jobs, part, stage / str(part.number), _check_parent, direct_link(stage, part.section))
    except (OSError, MemoryError, DigitseqError) as error:
        return error


def _check_parent() -> None:
    """Raise `Abandoned` when the owner was killed: nobody else would end this process while it makes a part."""
    if (parent := multiprocessing.parent_process()) and not parent.is_alive():
        raise Abandoned
