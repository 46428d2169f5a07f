"""How far runs are, from their records and journals alone: nothing is locked, and no image is read."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from digitseq.errors import OutputError
from digitseq.files.locations import is_there, store_errors
from digitseq.runs.folder import read_runs
from digitseq.runs.manifest import Record, Section, sections_of, size_of, whole_size
from digitseq.runs.ownership import is_being_written, journal_of
from digitseq.runs.splits import part_folder, planned_images, unit_of

FINISHED, WRITTEN, INTERRUPTED, NOT_BEGUN = "finished", "being written", "interrupted", "not begun"
UNREADABLE = "unreadable record"
DEPTH = 3  # folders between the one that is asked for and that of a run; two in OUTPUT_PATH/NUMBER/I-of-N
DONE = b'{"done":'  # begins the line of a journal that says so of a part


@dataclass(frozen=True)
class RunStatus:
    """The last run into `folder`: `images` of the `wanted` ones are finished.

    state: one of those above; seed: None for a part of a run that has not begun
    age: seconds since its last part was finished; None where none is
    sections: of a run that is split, by train, val and test: how many of its images are finished, and wanted
    """

    folder: Path
    images: int
    wanted: int
    state: str
    seed: int | None = None
    age: float | None = None
    sections: dict[str, tuple[int, int]] = field(default_factory=dict)


def run_status(path: Path) -> list[RunStatus]:
    """The last run into the folder `path` or, where it has none, those into folders below it.

    Of a run that `shards` cuts into parts, those that have not begun are among them, unless they have no images.
    Folders below that of a run are not looked at. Raises `OutputError` where no run is.
    """
    try:
        with store_errors(path):
            runs = read_runs(path)
            found = [_status(path, runs[-1])] if runs else _below(path, DEPTH)
    except OSError as error:
        raise OutputError(f"cannot read {path} ({error.strerror or error})") from None
    if not found:
        why = "has no run, nor has a folder below it" if is_there(path) else "does not exist"
        raise OutputError(f"{path} {why}: give the folder of a run, or one with folders of runs")
    return found


def _below(path: Path, depth: int) -> list[RunStatus]:
    """The runs in folders below `path`, in the order of their names. Raises `OSError`."""
    if not depth or not path.is_dir():
        return []
    found, parts = list[RunStatus](), dict[int, dict[int, Record]]()
    children = (each for each in path.iterdir() if not each.name.startswith("."))
    for folder in sorted((each for each in children if each.is_dir() and not each.is_symlink()), key=_in_order):
        try:
            runs = read_runs(folder)
        except OutputError:
            found.append(RunStatus(folder, 0, 0, UNREADABLE))
            continue
        if not runs:
            found += _below(folder, depth - 1)
            continue
        found.append(_status(folder, runs[-1]))
        if (shards := runs[-1].get("shards")) and part_folder(shards) == folder.name:
            number, count = map(int, shards.split("/"))
            parts.setdefault(count, {})[number] = runs[-1]
    missing = [each for count, there in parts.items() for each in _not_begun(path, count, there)]
    return sorted(found + missing, key=lambda each: _in_order(each.folder)) if missing else found


def _not_begun(path: Path, count: int, there: dict[int, Record]) -> Iterator[RunStatus]:
    """The parts of a run in `path` that are missing beside those that are `there`."""
    record = next(iter(there.values()))
    unit = unit_of(record["format"], record.get("shard_size", 1))
    for number in range(1, count + 1):
        if number not in there:
            shards = f"{number}/{count}"
            if wanted := planned_images(whole_size(record), record.get("split_ratio"), unit, shards):
                yield RunStatus(path / part_folder(shards), 0, wanted, NOT_BEGUN)


def _in_order(folder: Path) -> list[tuple[int, str]]:
    """Sorts 10-of-12 after 9-of-12."""
    pieces = re.split("([0-9]+)", str(folder))
    return [(int(piece), "") if place % 2 else (0, piece) for place, piece in enumerate(pieces)]


def _status(folder: Path, record: Record) -> RunStatus:
    state = FINISHED
    if record["status"] != "finished":
        state = WRITTEN if is_being_written(folder) else INTERRUPTED
        if state == INTERRUPTED:
            record = read_runs(folder)[-1]  # the run may have ended between the two looks
            state = FINISHED if record["status"] == "finished" else INTERRUPTED
    sections = sections_of(record)
    # the record has their number only once the run has ended in order
    counted = state == WRITTEN or record["status"] == "running"
    made = [section.images for section in sections]
    if counted:
        made = list(_images(sections, _finished_parts(folder, record["journal"])))
    changed = journal_of(folder).changed() if sum(made) else None
    age = None if changed is None else max(time.time() - changed, 0.0)
    split = {s.folder: (images, s.last + 1 - s.first) for s, images in zip(sections, made) if s.folder}
    return RunStatus(folder, sum(made), size_of(record), state, record["seed"], age, split)


def _images(sections: list[Section], finished: int) -> Iterator[int]:
    """How many images of each section are in the first `finished` parts of a run."""
    for section in sections:
        size = section.last + 1 - section.first
        yield min(finished * section.part_size, size)
        finished -= min(finished, -(-size // section.part_size))


def _finished_parts(folder: Path, offset: int) -> int:
    """How many parts are finished according to the journal of the folder, whose run begins at byte `offset`.

    Lines are counted, as they are appended in the order of the parts. The last one may be cut off.
    """
    return sum(line.startswith(DONE) and line.endswith(b"\n") for line in journal_of(folder).lines(offset))
