"""Finds the data sets below a path, and reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from digitseq.errors import SettingsError, one_line
from digitseq.formats import FORMATS, format_of
from digitseq.formats.base import StoredSample
from digitseq.inspection.findings import Findings, shared_images
from digitseq.runs.folder import is_being_written
from digitseq.runs.verification import broken_files

Progress = Callable[[Iterator[StoredSample]], Iterator[StoredSample]]


@dataclass
class Section:
    """One folder of one format. name: "." or the folder, relative to the path that was asked for."""

    name: str
    format: str
    files: list[Path]
    findings: Findings = field(default_factory=Findings)


@dataclass
class Inspection:
    """What is in a data set. sections: one, or those of train/, val/, test/; problems: of all sections together."""

    path: Path
    sections: list[Section]
    problems: Findings = field(default_factory=Findings)

    @property
    def images(self) -> int:
        """How many whole images were found."""
        return sum(section.findings.images for section in self.sections)

    def all_problems(self) -> list[tuple[str, int, list[str]]]:
        """Each kind of problem with its number of cases and a few examples, worst first."""
        found = [
            (f"{section.name}/: {what}" if section.name != "." else what, problem.count, problem.examples)
            for section in self.sections
            for what, problem in section.findings.problems.items()
        ]
        found += [(what, problem.count, problem.examples) for what, problem in self.problems.problems.items()]
        return sorted(found, key=lambda one: -one[1])


def inspect(path: Path, progress: Progress = iter) -> Inspection:
    """Read everything in the folder `path`, or in the shards whose paths begin with `path`.

    Raises `SettingsError` when nothing is there that could be read, or when a run is adding to it.
    progress: called with the samples of a section
    """
    _check_idle(path, path, path.parent)
    inspection = Inspection(path, _sections(path))
    _check_idle(path, *(file if file.is_dir() else file.parent for each in inspection.sections for file in each.files))
    for section in inspection.sections:
        samples = progress(format_of(section.format).read(section.files))
        while True:
            name = str(section.files[0])
            # Damaged files, and those of other programs, make readers raise almost anything.
            try:
                sample = next(samples)
            except StopIteration:
                break
            except Exception as error:
                section.findings.report("files that cannot be read to their end", _cause(name, error))
                break
            try:
                section.findings.add(sample)
            except Exception as error:
                section.findings.report("samples that cannot be understood", _cause(str(sample.name), error))
        section.findings.finish()
    for one, other in combinations(inspection.sections, 2):
        if count := shared_images(one.findings, other.findings):
            what = f"images that are in {one.name}/ and in {other.name}/"
            inspection.problems.report(what, "no image of one may be in the other")
            inspection.problems.problems[what].count = count
    for what, example in broken_files(path):
        inspection.problems.report(what, example)
    return inspection


def _check_idle(path: Path, *folders: Path) -> None:
    for folder in dict.fromkeys(folders):
        if is_being_written(folder):
            raise SettingsError(f"inspect {path}: a run is writing to {folder}: wait until it has finished", "inspect")


def _cause(name: str, error: Exception) -> str:
    return f"{name} ({type(error).__name__}: {one_line(error)})"


def _sections(path: Path) -> list[Section]:
    folder, prefix = (path, "") if path.is_dir() else (path.parent, path.name)
    if not folder.is_dir():
        raise SettingsError(f"inspect {path}: there is no such folder, and no file whose name begins so", "inspect")
    found = _formats_in(folder, prefix, ".")
    if not found and not prefix:
        below = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
        found = [section for p in below for section in _formats_in(p, "", p.name)]
    if not found:
        raise SettingsError(
            f"inspect {path}: nothing in it is {', '.join(FORMATS)}; name the folder that has the images or shards",
            "inspect",
        )
    return found


def _formats_in(folder: Path, prefix: str, name: str) -> list[Section]:
    # without loading packages: whether there are such files shows in their names
    return [Section(name, each, files) for each in FORMATS if (files := format_of(each).files_in(folder, prefix))]
