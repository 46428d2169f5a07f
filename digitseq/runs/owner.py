"""The owner of a run: the only one who gives files their final names, adds to label files, and writes the journal."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from digitseq.errors import OutputError
from digitseq.files.regular import append_regular, regular_size
from digitseq.formats.base import Format, Job
from digitseq.formats.parts import Addition, FileGroup, Part, Place, Receipt, addition_name
from digitseq.runs.folder import RunFolder, remove_directory
from digitseq.runs.journal import Journal, Progress


class RunFiles:
    """Where the files of one run stand.

    sections: the folders of its sections, below the run's, "" for itself
    keeps: whether its format keeps what its results are put together from
    Raises `OSError`, and `OutputError` for a section that is a link: it could lead anywhere.
    """

    def __init__(self, folder: RunFolder, sections: list[str], keeps: bool) -> None:
        self.folder = folder
        self.sections = [folder.path / name for name in sections]
        for name, path in zip(sections, self.sections):
            if name and path.is_symlink():
                raise OutputError(f"{path} is a link, not what digitseq made there: remove it, or name another with -o")
        self.kept = [folder.private] * len(sections)
        if keeps:
            parent = folder.kept()
            self.kept = [parent / str(place) for place in range(len(sections))]
            for path in self.kept:
                path.mkdir(exist_ok=True)

    def directory(self, section: int, place: Place) -> Path:
        """Where files of a section go."""
        return self.kept[section] if place == "kept" else self.sections[section]

    def is_intact(self, receipt: Receipt) -> bool:
        """Whether all files of a finished part are there with their sizes."""
        section = receipt.part.section
        groups = (group for group in receipt.files if group.place != "part")
        additions = ((self.directory(section, a.place) / a.name, a.before + a.size) for a in receipt.additions)
        return all(self._size(section, group) == group.size for group in groups) and all(
            (size := regular_size(path)) is not None and size >= end for path, end in additions
        )

    def _size(self, section: int, group: FileGroup) -> int:
        directory = self.directory(section, group.place)
        try:
            return sum(os.lstat(directory / name).st_size for name in group.names())
        except FileNotFoundError:
            return -1

    def take_back(self, receipt: Receipt) -> None:
        """Remove what a part has put into the folders. Raises `OSError`."""
        section = receipt.part.section
        for group in receipt.files:
            if group.place != "part":
                for name in group.names():
                    (self.directory(section, group.place) / name).unlink(missing_ok=True)
        for addition in receipt.additions:
            self._cut(section, addition, addition.before)

    def cut_after(self, progress: Progress) -> None:
        """Remove from the files that parts add to what stands there after the last finished part."""
        last = {(r.part.section, a.place, a.name): a for r, _ in progress.finished for a in r.additions}
        for (section, _, _), addition in last.items():
            self._cut(section, addition, addition.before + addition.size)

    def _cut(self, section: int, addition: Addition, size: int) -> None:
        path = self.directory(section, addition.place) / addition.name
        if (regular_size(path) or 0) > size:
            descriptor = append_regular(path)
            try:
                os.ftruncate(descriptor, size)
            finally:
                os.close(descriptor)
            if not size:
                path.unlink()


def mend(files: RunFiles, journal: Journal, progress: Progress) -> None:
    """Bring the folder of a run that broke off into the state after its last finished part. Raises `OSError`."""
    if progress.begun:
        files.take_back(progress.begun)
    files.cut_after(progress)
    journal.cut(progress.end)
    progress.begun = None


def drop_incomplete(files: RunFiles, progress: Progress) -> None:
    """Take back the first finished part of which something is missing, and all after it. Raises `OSError`."""
    intact = 0
    while intact < len(progress.finished) and files.is_intact(progress.finished[intact].receipt):
        intact += 1
    for receipt, _ in reversed(progress.finished[intact:]):
        files.take_back(receipt)
    del progress.finished[intact:]


def remove_unpublished(files: RunFiles, parts: Iterable[Part], names: tuple[str, ...]) -> None:
    """Remove files called `names`, such as "%d.png", that processes have made for `parts`. Raises `OSError`."""
    for part in parts:
        for name in names:
            for number in range(part.start + 1, part.stop + 1):
                (files.sections[part.section] / (name % number)).unlink(missing_ok=True)


class Owner:
    """Publishes the parts of a run. Use as a context manager: what was only half published is then taken back.

    stage: where the parts are made, each in a directory named after its number
    """

    def __init__(self, files: RunFiles, journal: Journal, format_: Format, jobs: list[Job]) -> None:
        self._files, self._journal, self._format, self._jobs = files, journal, format_, jobs
        self._begun: Receipt | None = None
        self.stage = files.folder.new_stage()

    def direct_folders(self) -> list[Path]:
        """Links in the stage to the folders of all sections: without the stage they lead nowhere. Raises `OSError`.

        So a process of a killed run that wakes up late can make no file in a folder that a later run owns.
        """
        links = []
        for place, folder in enumerate(self._files.sections):
            folder.mkdir(exist_ok=True)
            links.append(self.stage / f"folder{place}")
            links[-1].symlink_to(os.path.relpath(folder, self.stage), target_is_directory=True)
        return links

    def __enter__(self) -> Owner:
        return self

    def __exit__(self, *_: object) -> None:
        if self._begun is not None and self._files.folder.is_owned():
            with suppress(OSError):  # the next run into the folder does the same
                self._files.take_back(self._begun)
        remove_directory(self.stage)

    def publish(self, receipt: Receipt) -> None:
        """Give the files of a part their final names, and add what it adds.

        Raises `OSError`, and `RunError` when the folder is no longer the one that was locked.
        """
        self._files.folder.check_owned()
        part, source = receipt.part, self.stage / str(receipt.part.number)
        additions = tuple(a._replace(before=self._size(part.section, a)) for a in receipt.additions)
        self._begun = receipt = receipt._replace(additions=additions)
        self._journal.begin_part(receipt)
        folder = self._files.sections[part.section]
        folder.mkdir(exist_ok=True)
        self._format.take(self._jobs[part.section], folder, self._files.kept[part.section], source, part.start)
        # images first: whoever follows the labels finds whole images only
        for group in receipt.files:
            if group.place in ("folder", "kept"):
                move(group, source, self._files.directory(part.section, group.place))
        for addition in additions:
            data = (source / addition_name(addition.name)).read_bytes()
            append(self._files.directory(part.section, addition.place) / addition.name, data)
        self._journal.finish_part(part)
        self._begun = None
        remove_directory(source)

    def _size(self, section: int, addition: Addition) -> int:
        path = self._files.directory(section, addition.place) / addition.name
        return regular_size(path) or 0


def move(group: FileGroup, source: Path, target: Path) -> None:
    """Give every file of the group in `source` its final name in `target`. Raises `OSError`."""
    if os.rename not in os.supports_dir_fd or group.first is None:
        for name in group.names():
            os.replace(source / name, target / name)
        return
    directory = getattr(os, "O_DIRECTORY", 0) | os.O_RDONLY
    here = os.open(source, directory)
    try:
        there = os.open(target, directory)
        try:  # short names: looking up a path takes longer than moving the file
            encoded = os.fsencode(group.name)
            for number in range(group.first, group.first + group.files):
                short = encoded % number
                os.rename(short, short, src_dir_fd=here, dst_dir_fd=there)
        finally:
            os.close(there)
    finally:
        os.close(here)


def append(path: Path, data: bytes) -> None:
    """Add `data` to the end of the file, which is never followed if it is a link. Raises `OSError`."""
    descriptor = append_regular(path)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)
