"""The manifest of a run, stored in `run.json`: it fixes every byte of the run before it begins."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from digitseq import __version__
from digitseq.errors import OutputError
from digitseq.formats import FORMATS
from digitseq.formats.parts import Part, spans
from digitseq.glyphs.own_folder import is_folder
from digitseq.options import PARTS
from digitseq.pipeline import Pipeline
from digitseq.runs.run_settings import LABELS, Output
from digitseq.runs.workers import MAX_PROCESSES
from digitseq.settings import Settings

Record = dict[str, Any]  # one run in run.json
_REQUIRED = {"version", "status", "seed", "format", "settings", "sections", "journal"}


@dataclass(frozen=True)
class Section:
    """The images of a run that go into one folder: "" for the run's own, else train, val or test below it.

    first, last: their numbers, from 1; images: how many are finished; part_size: images per part
    details: whatever the format has decided, as plain values
    """

    folder: str
    first: int
    last: int
    images: int
    part_size: int
    details: dict[str, Any]

    def __post_init__(self) -> None:
        # `run.json` may have been edited: a folder such as "../.." must not lead out of the run's
        if not (
            all(type(n) is int for n in (self.first, self.last, self.images, self.part_size))
            and 1 <= self.first <= self.last and self.part_size >= 1
            and self.folder in ("", *PARTS) and isinstance(self.details, dict)
        ):  # fmt: skip
            raise ValueError(f"not a section of a run: {self}")


def sections_of(record: Record) -> list[Section]:
    """The sections of a recorded run; none for a record of an early version, which had no manifest.

    Raises `OutputError` for a record that digitseq did not write.
    """
    try:
        sections = [Section(**section) for section in record.get("sections", ())]
        numbers = (record["journal"], record["seed"], record.get("processes", 0))
        if not all(type(n) is int and n >= 0 for n in numbers) or numbers[2] > MAX_PROCESSES:
            raise ValueError
        if record["format"] not in FORMATS or not {*record.get("labels", ())} <= {*LABELS}:
            raise ValueError
        return sections
    except KeyError:
        return []
    except (TypeError, ValueError):
        raise OutputError(
            "run.json is not a record that digitseq wrote: move it away, or name another directory with -o"
        ) from None


def parts_of(sections: list[Section]) -> Iterator[Part]:
    """All parts of a run, in order."""
    number = 0
    for place, section in enumerate(sections):
        for start, stop in spans(section.first - 1, section.last, section.part_size):
            yield Part(number, place, start, stop)
            number += 1


def new_record(pipeline: Pipeline, output: Output, sections: list[Section]) -> Record:
    """The record of a run that is about to begin."""
    settings = pipeline.settings
    return {
        "version": __version__,
        "status": "running",
        "seed": pipeline.seed,
        "format": output.format,
        **output.format_settings(),
        "split_ratio": output.split_ratio and list(output.split_ratio),
        **({"glyphs": "train and val: parts of the training glyphs without a common one; test: the test glyphs"}
           if output.split_ratio else {}),
        "dataset": {"name": settings.dataset, "split": settings.split, "sha256": pipeline.bank.digest},
        **({"texts": texts} if (texts := pipeline.source.origin.provenance()) else {}),
        "settings": {**as_recorded(settings), **pipeline.source.origin.recorded_settings()},
        "sections": [asdict(section) for section in sections],
    }  # fmt: skip


def as_recorded(settings: Settings) -> Record:
    """`settings` as plain values for JSON, with absolute paths."""
    recorded = dict(json.loads(json.dumps(asdict(settings))))
    if is_folder(settings.dataset):
        recorded["dataset"] = str(Path(settings.dataset).absolute())
    return recorded


def last_run(path: Path, runs: list[Record]) -> Record:
    """The run that is to be resumed in `path`; `OutputError` when there is none."""
    if not runs:
        raise OutputError(f"{path} has no run to resume: leave out --resume, or name its directory with -o")
    if not is_resumable(runs[-1]):
        raise OutputError(f"{path} has no run that can be resumed: its record is incomplete")
    return runs[-1]


def is_resumable(record: Record) -> bool:
    """Whether the record has everything that resuming the run needs. Raises `OutputError` as `sections_of` does."""
    return record.keys() >= _REQUIRED and bool(sections_of(record))


def size_of(record: Record) -> int:
    """How many images the recorded run has when it is finished."""
    return sum(section.last + 1 - section.first for section in sections_of(record))


def check_same(path: Path, record: Record, asked: Record) -> None:
    """`OutputError` that says what differs between the recorded run and what is asked for now."""
    before, now = _flat(record), _flat(asked)
    differing = [
        "its texts came from other lines, or another release of a package"
        if name == "texts"
        else f"its {name} is {json.dumps(before.get(name))}, not {json.dumps(now[name])}"
        for name in now
        if before.get(name) != now[name]
    ]
    if differing:
        raise OutputError(
            f"cannot resume the run in {path}: {'; '.join(differing)}; give what it was started with, or leave out "
            "--resume"
        )


def _flat(record: Record) -> Record:
    """The values of a record by name, those of `settings` and `dataset` among them."""
    flat = {name: value for name, value in record.items() if name not in ("settings", "dataset", "sections", "status")}
    return flat | dict(record.get("settings", {})) | {"data": record.get("dataset", {}).get("sha256")}
