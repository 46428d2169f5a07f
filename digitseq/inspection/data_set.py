"""Finds the data sets below a path, and reads them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from digitseq.errors import SettingsError, one_line
from digitseq.files.listing import folders_in
from digitseq.files.locations import StoreError, exists, is_folder, is_object, store_errors
from digitseq.formats import FORMATS, format_of, format_without_package
from digitseq.formats.base import StoredSample
from digitseq.inspection.findings import UNREADABLE, Findings, shared_images
from digitseq.labels.base import LabelError
from digitseq.options import PARTS
from digitseq.runs.folder import RECORD
from digitseq.runs.ownership import is_being_written
from digitseq.runs.verification import broken_files, without_labels

Progress = Callable[[Iterator[StoredSample]], Iterator[StoredSample]]


@dataclass
class Section:
    """One folder of one format. name: "." or the folder, relative to the path that was asked for."""

    name: str
    format: str
    files: list[Path]
    folder: Path
    findings: Findings = field(default_factory=Findings)


@dataclass
class Inspection:
    """What is in the data sets at a path.

    sections: of all data sets, a split has several; records: the folders with run.json
    problems: those that are not of a single section
    """

    path: Path
    sections: list[Section] = field(default_factory=list)
    records: list[Path] = field(default_factory=list)
    problems: Findings = field(default_factory=Findings)

    @property
    def images(self) -> int:
        """How many whole images were found."""
        return sum(section.findings.images for section in self.sections)

    def all_problems(self) -> list[tuple[str, int, list[str]]]:
        """Each kind of problem with its number of cases and a few examples, worst first."""
        found = [
            (_located(name, what), problem.count, problem.examples)
            for name, findings in [*((each.name, each.findings) for each in self.sections), (".", self.problems)]
            for what, problem in findings.problems.items()
        ]
        return sorted(found, key=lambda one: -one[1])


def inspect(path: Path, progress: Progress = iter) -> Inspection:
    """Read all data sets in and below the folder `path`, or the file `path`, or shards whose paths begin with `path`.

    Raises `SettingsError` when nothing is there that could be read, or when a run is adding to it.
    progress: called with the samples of a section
    """
    try:
        return _inspected(path, progress)
    except StoreError as error:
        reason = f"{error.filename} cannot be read ({error.strerror})"
        raise SettingsError(f"inspect {path}: {reason}", "inspect") from None


def _inspected(path: Path, progress: Progress) -> Inspection:
    _check_idle(path, path, path.parent)
    inspection = Inspection(path)
    if is_folder(path):
        _find_below(inspection)
    else:
        inspection.sections += _in_files(path)
    folders = [folder for section in inspection.sections for folder in (section.folder, section.folder.parent)]
    _check_idle(path, *folders, *inspection.records)
    for section in inspection.sections:
        _read(section, progress)
    for one, other in combinations(inspection.sections, 2):
        if _are_parts(one, other) and (count := shared_images(one.findings, other.findings)):
            what = f"images that are in {one.name}/ and in {other.name}/"
            inspection.problems.report(what, "no image of one may be in the other")
            inspection.problems.problems[what].count = count
    for folder in inspection.records:
        name = folder.relative_to(path).as_posix()
        for what, example in broken_files(folder):
            inspection.problems.report(_located(name, what), example)
    return inspection


def _located(name: str, what: str) -> str:
    return what if name == "." else f"{name}/: {what}"


def _read(section: Section, progress: Progress) -> None:
    samples = progress(format_of(section.format).read(section.files))
    try:
        for sample in samples:
            try:
                section.findings.add(sample)
            except Exception as error:
                section.findings.report("samples that cannot be understood", _cause(str(sample.name), error))
    except StoreError:
        raise
    except Exception as error:  # damaged files, and those of other programs, make readers raise almost anything
        section.findings.report(UNREADABLE, _cause(str(section.files[0]), error))
    section.findings.finish(not without_labels(section.folder))


def _are_parts(one: Section, other: Section) -> bool:
    """Whether they are train/, val/ or test/ of one data set, or folders beside each other that may be meant so."""
    beside = one.folder != other.folder and one.folder.parent == other.folder.parent
    return beside and not any(exists(section.folder / RECORD) for section in (one, other))


def _check_idle(path: Path, *folders: Path) -> None:
    for folder in dict.fromkeys(folders):
        try:
            busy = is_folder(folder) and is_being_written(folder)
        except OSError as error:
            raise SettingsError(f"inspect {path}: {folder} cannot be read ({error.strerror})", "inspect") from None
        if busy:
            raise SettingsError(f"inspect {path}: a run is writing to {folder}: wait until it has finished", "inspect")


def _cause(name: str, error: Exception) -> str:
    kind = "" if isinstance(error, LabelError) else f"{type(error).__name__}: "
    return f"{name} ({kind}{one_line(error)})"


def _in_files(path: Path) -> list[Section]:
    """The file `path`, or the shards whose paths begin so."""
    found = _formats_in(path.parent, path.name, ".") if is_folder(path.parent) else []
    if exists(path):
        found = [Section(each.name, each.format, [path], path.parent) for each in found if path in each.files]
        if not found:
            raise SettingsError(
                f"inspect {path}: this file cannot be inspected alone: name its folder, {path.parent}", "inspect"
            )
    if not found:
        nothing = "there is no such file or folder, and no shard whose name begins so"
        raise SettingsError(f"inspect {path}: {nothing}{_remark(path)}", "inspect")
    return found


def _remark(path: Path) -> str:
    """What a store adds to its answer that nothing is at `path`: there may be no such bucket."""
    try:
        with store_errors(path):
            path.stat()
    except FileNotFoundError as error:
        if is_object(path) and error.strerror != os.strerror(errno.ENOENT):
            return f" ({error.strerror})"
    return ""


def _find_below(inspection: Inspection) -> None:
    """Add the data sets in the folder and below it. Links to folders are not followed."""
    waiting = [(inspection.path, True)]
    while waiting:
        folder, may_be_read = waiting.pop()
        try:
            has_record = exists(folder / RECORD)
            name = folder.relative_to(inspection.path).as_posix()
            found = _formats_in(folder, "", name) if may_be_read or has_record else []
            below = [each for each in folders_in(folder) if each[0] != "."]
        except StoreError:
            raise
        except OSError as error:
            inspection.problems.report("folders that cannot be read", f"{folder} ({error.strerror})")
            continue
        inspection.sections += found
        inspection.records += [folder] * has_record
        # folders below images and labels belong to them, such as masks/, unless a run has made them
        inside = bool(found) or not (may_be_read or has_record)
        waiting += [(folder / each, not inside or (has_record and each in PARTS)) for each in reversed(below)]
    if not (inspection.sections or inspection.records or inspection.problems.problems):
        raise SettingsError(
            f"inspect {inspection.path}: has no images in a format that digitseq reads ({', '.join(FORMATS)}); name "
            "the folder that has the images or shards",
            "inspect",
        )


def _formats_in(folder: Path, prefix: str, name: str) -> list[Section]:
    found = ((each, format_without_package(each).files_in(folder, prefix)) for each in FORMATS)
    return [Section(name, each, files, folder) for each, files in found if files]
