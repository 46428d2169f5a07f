"""The files of a run: which ones each part has, and where they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from digitseq.errors import OutputError
from digitseq.formats import format_of
from digitseq.formats.base import Job
from digitseq.formats.parts import MASKS, Addition, FileGroup, Part, Receipt, addition_name
from digitseq.runs.folder import RECORD, RunFolder
from digitseq.runs.journal import Entry
from digitseq.runs.manifest import Record, not_a_record, parts_of, sections_of


class RunFiles:
    """The files of the run of `record` in `folder`.

    jobs: what the format has to make, one for each section; not needed for a run that has ended, or only has to
    directories, kept: of each section, see `RunFolder`
    Raises `OSError`, and `OutputError` when the folder of a section is a link: it could lead anywhere.
    """

    def __init__(self, folder: RunFolder, record: Record, jobs: Sequence[Job] = ()) -> None:
        self.folder, self.record, self.jobs = folder, record, jobs
        self.sections, self.format = sections_of(record), format_of(record["format"])
        if not all(self.format.knows(section.details) for section in self.sections):
            raise not_a_record(folder.path / RECORD)
        self.directories = [folder.path / section.folder for section in self.sections]
        # those that digitseq makes itself
        own = [path for section, path in zip(self.sections, self.directories) if section.folder]
        for path in [*own, *(path / MASKS for path in self.directories)]:
            if path.is_symlink():
                raise OutputError(
                    f"{path} is a link, not what digitseq made there: remove it, or name another with `output_path`"
                )
        self.kept = [folder.kept / str(place) for place in range(len(self.sections))]

    def files(self, receipt: Receipt) -> Iterator[tuple[FileGroup, list[Path]]]:
        """The final paths of the files of each group that a part puts into the folders."""
        for group in receipt.files:
            if group.place != "part":
                directory = self.place(receipt.part, group)
                yield group, [directory / name for name in group.names()]

    def additions(self, receipt: Receipt) -> list[tuple[Path, Addition]]:
        """The additions of a part, and the final paths of the files that they are appended to."""
        return [(self.place(receipt.part, addition) / addition.name, addition) for addition in receipt.additions]

    def receipts(self, end: int | None) -> list[Receipt]:
        """The parts of a run that has ended, in order. end: where its lines in the journal end; None: with the journal.

        Raises `OSError`, and `OutputError` when they have fewer images than the record.
        """
        found = [entry.receipt for entry in self.entries(end)]
        if sum(r.part.stop - r.part.start for r in found) < sum(section.images for section in self.sections):
            raise self._foreign()
        return found

    def remove_parts(self, receipts: list[Receipt]) -> None:
        """Remove all parts of the run from the folder: `receipts`. Raises `OSError`."""
        for receipt in reversed(receipts):
            self.remove_files(receipt)
        self.cut_additions(receipts)

    def entries(self, end: int | None = None) -> list[Entry]:
        """The parts of this run in the journal, up to byte `end`."""
        entries = self.folder.journal.read(self.record["journal"], end)
        if [entry.receipt.part for entry in entries] != list(islice(parts_of(self.sections), len(entries))):
            raise self._foreign()
        return entries

    def _foreign(self) -> OutputError:
        path = self.folder.journal.path
        return OutputError(
            f"{path} and run.json beside it do not belong together: name another directory with `output_path`"
        )

    def numbered(self) -> tuple[str, ...]:
        """The names of files of single images."""
        return self.format.numbered(
            tuple(self.record.get("labels", ())), bool(self.record.get("settings", {}).get("masks"))
        )

    def place(self, part: Part, file: FileGroup | Addition) -> Path:
        """The folder in which a file of `part` has its final name."""
        return (self.kept if file.place == "kept" else self.directories)[part.section]

    def pieces(self, part: Part) -> Path:
        """The directory for what a part adds to files that cannot be appended to."""
        return self.kept[part.section] / f"part-{part.number}"

    def remove_files(self, receipt: Receipt) -> None:
        """Remove all files that a part has put into the folders, whether all or none of them are there yet."""
        paths = [path for _, paths in self.files(receipt) for path in paths]
        if not self.folder.appends:
            paths += [self.pieces(receipt.part) / addition_name(addition.name) for addition in receipt.additions]
        self.folder.remove(paths)

    def cut_additions(self, receipts: list[Receipt]) -> None:
        """Remove what the parts have added to files, whether all or nothing of it is there yet."""
        for path, size in {path: a.before for r in reversed(receipts) for path, a in self.additions(r)}.items():
            self.folder.cut(path, size)  # the size before the first of them
