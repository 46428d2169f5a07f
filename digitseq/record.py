"""The record of a run in `run.json`: writing it, reading it back, and comparing a new request with it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from digitseq.errors import DataError, OutputError
from digitseq.folder import read_runs
from digitseq.glyphs import GlyphBank
from digitseq.glyphsets.folder import is_folder
from digitseq.loader import bank_of
from digitseq.naming import folder_name
from digitseq.output import Output
from digitseq.pipeline import Pipeline
from digitseq.settings import Settings
from digitseq.sources.choose import provenance, source_of
from digitseq.sources.window import Window
from digitseq.version import __version__

Record = dict[str, Any]


@dataclass(frozen=True)
class Share:
    """What a part of a split run has of it: glyphs between two fractions of every class of `split`, and texts.

    The part's images of this run get the texts of images first_text, first_text + 1, … of a run of `texts` images
    with `text_seed`.
    """

    part: str
    split: str
    low: float
    high: float
    first_text: int = 0
    texts: int = 0
    text_seed: int = 0

    def of(self, bank: GlyphBank) -> GlyphBank:
        """The share of `bank`, which is that of `split`."""
        return bank.share(self.low, self.high)


def placed(pipeline: Pipeline, start: int, share: Share | None) -> Pipeline:
    """`pipeline`, whose source is that of the whole run, with the texts of a run whose first image is `start`.

    Those of a file begin at its top, those of a part where the part before it ends.
    """
    if share:
        return pipeline.with_source(Window(pipeline.source, share.text_seed, share.first_text - start))
    if pipeline.settings.numbers_file is None or start == 0:
        return pipeline
    return pipeline.with_source(Window(pipeline.source, pipeline.seed, -start))


def new_record(pipeline: Pipeline, output: Output, span: tuple[int, int], plan: Record, share: Share | None) -> Record:
    """The record of a run that is about to begin."""
    return {
        "version": __version__,
        "status": "running",
        "seed": pipeline.seed,
        "first": span[0] + 1,
        "last": span[1],
        "images": 0,
        "format": output.format,
        **plan,
        "dataset": {
            "name": pipeline.settings.dataset,
            "split": pipeline.settings.split,
            "sha256": pipeline.bank.digest,
        },
        **({"texts": texts} if (texts := provenance(pipeline.settings, pipeline.source)) else {}),
        **({"share": asdict(share)} if share else {}),
        "settings": as_recorded(pipeline.settings),
    }


def as_recorded(settings: Settings) -> Record:
    """`settings` as they come back out of JSON."""
    recorded = dict(json.loads(json.dumps(asdict(settings))))
    if settings.numbers_file not in (None, "-"):
        recorded["numbers_file"] = str(Path(settings.numbers_file).absolute())
    if is_folder(settings.dataset):
        recorded["dataset"] = str(Path(settings.dataset).absolute())
    return recorded


def recorded_pipeline(record: Record, cache: str | None) -> Pipeline:
    """The pipeline that the recorded run used; `DataError` when this version or its data are others."""
    settings = Settings(**record["settings"])
    if settings.numbers_file is not None and not Path(settings.numbers_file).is_file():
        raise DataError(f"its texts came from {settings.numbers_file}, which is no file, or gone")
    bank = bank_of(settings, cache)
    share = Share(**record["share"]) if "share" in record else None
    if share:
        bank = share.of(bank)
    if (record["version"], record["dataset"]["sha256"]) != (__version__, bank.digest):
        raise DataError("it was made by another version or from other data")
    start, stop = record["first"] - 1, record["last"]
    size, seed = (share.texts, share.text_seed) if share else (stop - start, record["seed"])
    source = source_of(settings, bank.characters, size, seed)
    pipeline = placed(Pipeline(settings, bank, record["seed"], source), start, share)
    if record.get("texts", {}) != provenance(settings, pipeline.source):
        raise DataError("its texts came from another file, or another release of a package")
    return pipeline


class Recorded(NamedTuple):
    """What a run began with."""

    seed: int
    size: int


def recorded_run(settings: Settings, output: Output) -> Recorded:
    """Seed and size of the run that is to be resumed. Raises `OutputError` when there is none."""
    record = last_run(Path(output.output_path) / folder_name(settings))
    size = sum(record["parts"].values()) if "parts" in record else record["last"] + 1 - record["first"]
    return Recorded(int(record["seed"]), int(size))


def last_run(path: Path) -> Record:
    """The run that is to be resumed in `path`; `OutputError` when there is none."""
    runs = read_runs(path)
    if not runs:
        raise OutputError(f"{path} has no run to resume: leave out --resume, or name its directory with -o")
    if not {"version", "status", "seed", "format", "settings"} <= runs[-1].keys():
        raise OutputError(f"{path} has no run that can be resumed: its record is incomplete")
    return runs[-1]


def check_same(path: Path, record: Record, asked: Record) -> None:
    """`OutputError` that says what differs between the recorded run and what is asked for now."""
    before, now = _flat(record), _flat(asked)
    differing = [_difference(name, before.get(name), now[name]) for name in now if before.get(name) != now[name]]
    if differing:
        raise OutputError(f"cannot resume the run in {path}: {'; '.join(differing)}")


def _difference(name: str, before: Any, now: Any) -> str:
    if name == "texts":
        return "its texts came from other lines, or another release of a package"
    return f"its {name} is {json.dumps(before)}, not {json.dumps(now)}"


def _flat(record: Record) -> Record:
    """The values of a record by name, those of `settings` and `dataset` among them."""
    flat = {name: value for name, value in record.items() if name not in ("settings", "dataset")}
    return flat | dict(record.get("settings", {})) | {"data": record.get("dataset", {}).get("sha256")}
