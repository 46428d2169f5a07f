"""Making the parts of a run, here in this process; `digitseq.runs.pool` does it in several."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

from digitseq.files.locations import is_object
from digitseq.files.retries import never
from digitseq.formats.base import Format, Job
from digitseq.formats.parts import Part, PartFiles, Receipt, addition_name

MAX_PROCESSES = 256
PARTS_AHEAD = 3  # parts under way for each process: enough to keep it busy while the owner publishes


class Stop:
    """A request to end a run early.

    armed: set when images are about to be written; until then a signal may end the program at once
    signal: the number of the signal that asked for the end; 0 while none has; again: whether a second one came
    """

    def __init__(self) -> None:
        self.armed, self.signal, self.again = False, 0, False

    def requested(self) -> bool:
        """Whether a signal has asked for the end."""
        return bool(self.signal)


class Abandoned(Exception):
    """The part that is being made is no longer wanted."""


def make_part(
    format_: Format,
    jobs: Sequence[Job],
    part: Part,
    directory: Path,
    check: Callable[[], None],
    direct: Path | None = None,
    stopping: Callable[[], bool] = never,
) -> Receipt:
    """Make the files of `part` in the new `directory`.

    A pure function of the jobs and the part: whoever makes it, the files have the same bytes. Raises `OSError`.

    jobs: one for each section of the run; check: called between batches, may raise `Abandoned`
    direct: a `direct_link`, to create single images under their final names, which a store has no use for; see
        `PartFiles`
    stopping: as in `ObjectStore`
    """
    if not is_object(directory):
        return _make_files(format_, jobs, part, directory, check, direct)
    from digitseq.files.object_store import ObjectStore  # runs on disks start sooner without

    # files are whole before they are uploaded, and then the store shows them as a whole or not at all
    with tempfile.TemporaryDirectory(prefix="digitseq-") as local:
        made = Path(local) / directory.name
        receipt = _make_files(format_, jobs, part, made, check)
        files = [file for group in receipt.files for file in group.names()]
        files += [addition_name(addition.name) for addition in receipt.additions]
        # no grace: whoever stops does not want the part, and what ends the run must have time
        ObjectStore(directory, stopping, grace=0).upload((made / file, directory / file) for file in files)
    return receipt


def _make_files(
    format_: Format, jobs: Sequence[Job], part: Part, directory: Path, check: Callable[[], None],
    direct: Path | None = None,
) -> Receipt:  # fmt: skip
    directory.mkdir()
    files = PartFiles(directory, check, direct)
    format_.make(jobs[part.section], part.start, part.stop, files)
    return files.receipt(part)


def direct_link(stage: Path, section: int) -> Path:
    """The link in `stage` to the folder of a section."""
    return stage / f"folder{section}"


def make_here(
    format_: Format, jobs: Sequence[Job], stage: Path, parts: Iterator[Part], stop: Stop
) -> Generator[Receipt, None, None]:
    """Make all parts in this process. Ends early after `stop`, at the next batch. Raises `OSError`."""

    def check() -> None:
        if stop.signal:
            raise Abandoned

    for part in parts:
        try:
            check()
            receipt = make_part(format_, jobs, part, stage / str(part.number), check, stopping=stop.requested)
        except Abandoned:
            return
        except OSError:
            if stop.signal:  # a store may have got no time to answer, and nobody waits for this part any more
                return
            raise
        yield receipt
