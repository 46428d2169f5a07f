"""The manifest of a run, stored in `run.json`: it fixes every byte of the run before it begins."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from digitseq import __version__
from digitseq.errors import OutputError
from digitseq.formats import FORMATS
from digitseq.formats.parts import Part, spans
from digitseq.glyphs.catalog import is_folder
from digitseq.options import PARTS, options
from digitseq.pipeline import Pipeline
from digitseq.runs.naming import safe_name
from digitseq.runs.run_settings import LABELS, Output
from digitseq.runs.workers import MAX_PROCESSES
from digitseq.settings import Settings

Record = dict[str, Any]  # one run in run.json
REMOVING = "removing"  # in the record of a folder whose files are being removed


@dataclass(frozen=True, eq=False)
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


class Result(NamedTuple):
    """A file that a run writes at its end. name: relative to the folder of the run; the rest: its `Checksum`."""

    name: str
    size: int
    crc32: int


def sections_of(record: Record) -> list[Section]:
    """The sections of a recorded run. `KeyError`, `TypeError` or `ValueError` for what digitseq did not write."""
    sections = [Section(**section) for section in record["sections"]]
    numbers = (record["journal"], record["seed"], record.get("processes", 0))
    if not sections or not all(type(n) is int and n >= 0 for n in numbers) or numbers[2] > MAX_PROCESSES:
        raise ValueError
    results_of(record)
    known = record["format"] in FORMATS and {*record.get("labels", ())} <= {*LABELS}
    known = known and all(isinstance(record.get(name, {}), dict) for name in ("settings", "dataset", "texts"))
    if (shards := record.get("shards")) is not None:
        size = record["size"]
        known = known and options(Output)["shards"].kind.convert(shards) == shards and type(size) is int and size > 0
    if not known or record["status"] not in ("running", "interrupted", "finished"):
        raise ValueError
    return sections


def not_a_record(path: Path) -> OutputError:
    """The error for a file `path` in the place of `run.json`, of which the above cannot make sense."""
    return OutputError(
        f"{path} is not a record that digitseq wrote: move it away, or name another directory with `output_path`"
    )


def results_of(record: Record) -> list[Result]:
    """The results that a recorded run has written, or was about to write. Raises as `sections_of` does."""
    results = [Result(**result) for result in record.get("results", ())]
    for result in results:
        if not isinstance(result.name, str):
            raise ValueError("not a result of a run: its name is no text")
        folder, _, name = result.name.rpartition("/")
        numbers = (result.size, result.crc32)
        if folder not in ("", *PARTS) or safe_name(name) != name or not all(type(n) is int and n >= 0 for n in numbers):
            raise ValueError(f"not a result of a run: {result}")
    return results


def parts_of(sections: list[Section]) -> Iterator[Part]:
    """All parts of a run, in order."""
    number = count()
    for place, section in enumerate(sections):
        for start, stop in spans(section.first - 1, section.last, section.part_size):
            yield Part(next(number), place, start, stop)


def new_record(pipeline: Pipeline, output: Output, sections: list[Section]) -> Record:
    """The record of a run that is about to begin, as it will be read: with lists for tuples, and absolute paths."""
    settings, origin = pipeline.settings, pipeline.source.origin
    recorded = asdict(settings) | origin.recorded_settings()
    if is_folder(settings.dataset):
        recorded["dataset"] = str(Path(settings.dataset).absolute())
    record = {
        "version": __version__,
        "status": "running",
        "seed": pipeline.seed,
        "format": output.format,
        **{name: getattr(output, name) for name in FORMATS[output.format].options},
        "split_ratio": output.split_ratio,
        "start": output.start,
        "shards": output.shards,
        **({"size": output.count} if output.shards else {}),
        **({"glyphs": "train and val: parts of the training glyphs without a common one; test: the test glyphs"}
           if output.split_ratio else {}),
        "dataset": {"name": settings.dataset, "split": settings.split, "sha256": pipeline.bank.digest},
        **({"texts": texts} if (texts := origin.provenance()) else {}),
        "settings": recorded,
        "sections": [asdict(section) for section in sections],
    }  # fmt: skip
    return dict(json.loads(json.dumps(record)))


def last_run(path: Path, runs: list[Record]) -> Record:
    """The run that is to be resumed in `path`; `OutputError` when there is none."""
    if not runs:
        raise OutputError(f"{path} has no run to resume: leave out `resume`, or name its directory with `output_path`")
    return runs[-1]


def is_half_removed(runs: list[Record]) -> bool:
    """Whether a run that began the folder anew was killed before everything was removed."""
    return any(run.get(REMOVING) for run in runs)


def size_of(record: Record) -> int:
    """How many images the recorded run has when it is finished."""
    return sum(section.last + 1 - section.first for section in sections_of(record))


def whole_size(record: Record) -> int:
    """The same for the run whose part it is, if `shards` has cut one into parts."""
    return int(record["size"]) if record.get("shards") else size_of(record)


def check_same(path: Path, record: Record, asked: Record) -> None:
    """`OutputError` that says what differs between the recorded run and what is asked for now."""
    if differing := differences(record, asked):
        raise OutputError(
            f"cannot resume the run in {path}: {'; '.join(differing)}; give what it was started with, or leave out "
            "`resume`"
        )


def differences(record: Record, asked: Record) -> list[str]:
    """What differs between a recorded run and one that is asked for, each in words."""
    before, now = _flat(record), _flat(asked)
    return [
        "its texts came from other lines, or another release of a package"
        if name == "texts"
        else f"its {name} is {_shown(name, before.get(name))}, not {_shown(name, now[name])}"
        for name in now
        if before.get(name) != now[name]
    ]


def _shown(name: str, value: Any) -> str:
    is_long = name == "augment" and isinstance(value, list)
    return json.dumps(options(Settings)[name].kind.words(value) if is_long else value)


def _flat(record: Record) -> Record:
    """The values of a record by name, those of `settings` and `dataset` among them."""
    flat = {name: value for name, value in record.items() if name not in ("settings", "dataset", "sections", "status")}
    return flat | dict(record.get("settings", {})) | {"data": record.get("dataset", {}).get("sha256")}
