"""A run in a folder that this process has locked: publishing its parts, and recovering from whatever broke it off."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

from digitseq.errors import OutputError
from digitseq.files.regular import regular_size
from digitseq.formats.base import Job
from digitseq.formats.parts import Part, Receipt, addition_name, numbers_in
from digitseq.runs.folder import RunFolder
from digitseq.runs.journal import Entry, begun_line, done_line
from digitseq.runs.manifest import Record, parts_of
from digitseq.runs.run_files import RunFiles
from digitseq.runs.workers import PARTS_AHEAD, direct_link


class OwnedRun(RunFiles):
    """The run of `record` in `folder`. Nobody else gives its files their final names, appends to label files, or
    writes the journal.

    finished: how many of its parts are; images: how many images of each section are in these
    """

    def __init__(self, folder: RunFolder, record: Record, jobs: Sequence[Job] = ()) -> None:
        super().__init__(folder, record, jobs)
        self.finished, self.images = 0, [0] * len(self.sections)
        self._whole = True  # no part is half published
        self._ends = dict[Path, int]()  # how long the files are that parts add to, as far as that is known

    def link_directories(self, stage: Path) -> None:
        """Make the links through which the processes of a pool write images straight into the folders of the sections.

        A process of a killed run that wakes up late finds its stage, and so its link, removed by the next run, and
        cannot create a file in a folder that is not its own any more. Raises `OSError`.
        """
        for place, directory in enumerate(self.directories):
            directory.mkdir(exist_ok=True)
            direct_link(stage, place).symlink_to(os.path.relpath(directory, stage), target_is_directory=True)

    def publish(self, receipts: list[Receipt], stage: Path) -> None:
        """Give the files of the next parts their final names, and append their additions.

        Raises `OSError`, and `RunError` when the folder is no longer the one that was locked. Then, and after a kill at
        any place, `recover` removes what was published of these parts. The order is what makes that possible:

        1. The journal names the files and how long the files are that it adds to. From here on they can be found.
        2. The format reads what it needs. It may see the same part again after a kill.
        3. Images get their names before labels are appended: whoever follows the labels finds whole images only.
        4. The journal says that the parts are done. Only now do they count.
        5. Their directories in the stage go. If they stay, the next run removes them with the stage.
        """
        self.folder.check_owned()
        self._whole = False
        receipts = [self._with_places(receipt) for receipt in receipts]
        self.folder.journal.append(b"".join(map(begun_line, receipts)))
        moved = list[tuple[Path, Path, list[str]]]()
        for receipt in receipts:
            moved += self._prepared(receipt, stage / receipt.directory)
        self.folder.move(moved)
        for receipt in receipts if self.folder.appends else ():
            for path, addition in self.additions(receipt):
                self.folder.append(stage / receipt.directory / addition_name(addition.name), path)
        self.folder.journal.append(b"".join(map(done_line, receipts)))
        self._whole = True
        for receipt in receipts:
            self._count(receipt.part)
            self.folder.remove_directory(stage / receipt.directory)

    def _with_places(self, receipt: Receipt) -> Receipt:
        """The receipt with how long each file is that its part adds to."""
        placed = []
        for path, addition in self.additions(receipt):
            if path not in self._ends:
                self._ends[path] = regular_size(path) or 0
            placed.append(addition._replace(before=self._ends[path]))
            self._ends[path] += addition.size
        return receipt._replace(additions=tuple(placed))

    def _prepared(self, receipt: Receipt, source: Path) -> Iterator[tuple[Path, Path, list[str]]]:
        """What of the files of a part, in the directory `source`, is to be moved: see `RunFolder.move`."""
        part, section = receipt.part, receipt.part.section
        directory, kept = self.directories[section], self.kept[section]
        if self.format.keeps:  # it writes there itself
            directory.mkdir(exist_ok=True)
            kept.mkdir(parents=True, exist_ok=True)
        self.format.take(self.jobs[section], directory, kept, source, part.start)
        for group in receipt.files:
            if group.place in ("folder", "kept"):  # "direct" ones have their names already
                yield source, self.place(part, group), group.names()
        if not self.folder.appends and receipt.additions:
            yield source, self.pieces(part), [addition_name(addition.name) for addition in receipt.additions]

    def stop(self) -> None:
        """Bring the folder into the state after the last finished part, when the run has broken off here.

        The workers must be dead. The journal, which may have lines of 100,000 parts, is read only if that is needed.
        Raises as `recover` does.
        """
        if not self._whole:
            self.recover()
        elif self.folder.appends:
            self._remove_unpublished(self.finished)

    def recover(self, verify: bool = False) -> None:
        """Bring folder and journal into the state after the last finished part. Raises `OSError` and `OutputError`.

        For a run that was killed, stopped, or ran out of disk space, no matter where. Its workers must be dead, or its
        stages removed. After a kill in here, the next run does what is left.

        verify: a finished part of which a file is missing or has another size does not count, nor do later ones; and
            what was added after the run had ended in order is refused, as resuming would remove or replace it
        """
        journal, start = self.folder.journal, self.record["journal"]
        entries = self.entries()
        size_of = self.folder.sizes([*self.directories, self.folder.kept]) if verify else None
        if verify and self.record["status"] == "interrupted":
            self._check_complete(entries)
            self._check_nothing_added(entries)
        lost = (i for i, e in enumerate(entries) if e.done is None or (size_of and not self._is_intact(e, size_of)))
        count = next(lost, len(entries))
        for entry in reversed(entries[count:]):
            journal.cut(entry.begun)  # not done any more, but known: after a kill, it is taken back again
            self.remove_files(entry.receipt)
        self.cut_additions([entry.receipt for entry in entries[count:]])
        finished = [entry.receipt for entry in entries[:count]]
        self.finished, self.images = 0, [0] * len(self.sections)
        for receipt in finished:
            self._count(receipt.part)
        self._ends = {path: a.before + a.size for r in finished for path, a in self.additions(r)}
        if self.folder.appends:
            # half a line may follow the last finished part, for instance after a power failure
            for path, size in self._ends.items():
                self.folder.cut(path, size)
            self._remove_unpublished(len(entries))
        journal.keep(entries[:count], start)
        self._whole = True
        if not self.folder.appends:
            self.merge_additions()

    def merge_additions(self) -> None:
        """Where nothing can be appended to files, write those that the finished parts add to. Raises `OSError`."""
        if self.folder.appends or not self._ends:
            return
        found = dict[Path, tuple[int, list[Path]]]()
        for receipt in (entry.receipt for entry in self.entries() if entry.done is not None):
            for path, addition in self.additions(receipt):
                piece = self.pieces(receipt.part) / addition_name(addition.name)
                found.setdefault(path, (addition.before, []))[1].append(piece)
        for path, (before, pieces) in found.items():
            if regular_size(path) != self._ends[path]:  # a run that was killed at its end has removed the pieces
                self.folder.merge(path, before, pieces)

    def count_finished(self) -> None:
        """Count the parts that the journal calls finished, and change nothing. Raises as `recover` does."""
        for entry in self.entries():
            if entry.done is not None:
                self._count(entry.receipt.part)

    def end(self, status: str) -> None:
        """Update the record: the status, and how many images of each section are finished."""
        self.record["status"] = status
        self.record.pop("processes", None)  # it only says how far ahead of the journal a killed run may have written
        self.record["sections"] = [asdict(replace(s, images=count)) for s, count in zip(self.sections, self.images)]

    def _check_complete(self, entries: list[Entry]) -> None:
        """`OutputError` where the journal has fewer images than the record, which was written after it."""
        listed = sum(e.receipt.part.stop - e.receipt.part.start for e in entries if e.done is not None)
        recorded = sum(section.images for section in self.sections)
        if listed < recorded:
            raise OutputError(
                f"{self.folder.journal.path} lists {listed:,} finished images, and run.json beside it {recorded:,}: a "
                "run is resumed where it began, on a disk or in a store, with its folder .digitseq; bring that back, "
                "or name another directory with `output_path`"
            )

    def _check_nothing_added(self, entries: list[Entry]) -> None:
        """`OutputError` for lines or numbered files that none of the `entries` names, in the place of those to come."""
        ends = {
            path: a.before + a.size for e in entries for path, a in self.additions(e.receipt) if a.place == "folder"
        }
        added = [path for path, end in ends.items() if (regular_size(path) or 0) > end]
        stops = {e.receipt.part.section: e.receipt.part.stop for e in entries}
        for place, section in enumerate(self.sections):
            added += self._images_there(place, stops.get(place, section.first - 1), section.last)
        if added:
            raise OutputError(
                f"{added[0]} was added, or added to, after the run had ended, and `resume` would replace that: move it "
                "away, or leave out `resume`"
            )

    def _remove_unpublished(self, named: int) -> None:
        """Remove images that workers created through links, of parts after the first `named`, which the journal names.

        No worker is more than `PARTS_AHEAD` parts ahead of the journal. What is in the folder is looked through, as
        the numbers in an edited record may stand for more names than fit in memory.
        """
        ahead = PARTS_AHEAD * self.record.get("processes", 0)  # 0: the run ended in order
        ranges = dict[int, tuple[int, int]]()
        for part in islice(parts_of(self.sections), self.finished, named + ahead):
            ranges[part.section] = ranges.get(part.section, part[2:])[0], part.stop
        for place, (start, stop) in ranges.items():
            self.folder.remove(self._images_there(place, start, stop))

    def _images_there(self, place: int, start: int, stop: int) -> Iterator[Path]:
        """The files of images start … stop-1, from 0, that are in the folder of a section."""
        directory = self.directories[place]
        for name in self.numbered():
            yield from (directory / (name % n) for n in numbers_in(directory, name) if start < n <= stop)

    def _count(self, part: Part) -> None:
        self.finished += 1
        self.images[part.section] += part.stop - part.start

    def _is_intact(self, entry: Entry, size_of: Callable[[Path], int | None]) -> bool:
        """Whether all files of a finished part are there with their sizes. size_of: see `RunFolder.sizes`."""
        for group, paths in self.files(entry.receipt):
            sizes = [size_of(path) for path in paths]
            if None in sizes or sum(filter(None, sizes)) != group.size:
                return False
        for path, a in self.additions(entry.receipt):
            piece = None if self.folder.appends else size_of(self.pieces(entry.receipt.part) / addition_name(a.name))
            if piece != a.size and (size_of(path) or 0) < a.before + a.size:
                return False
        return True
