"""Runs into train/, val/ and test/: three runs that share out the images, and the glyphs with them."""

from __future__ import annotations

import contextlib
import hashlib
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from digitseq.batch import Progress, Report, write_folder
from digitseq.errors import OutputError, RunError, SettingsError
from digitseq.folder import Folder, read_runs
from digitseq.loader import bank_of
from digitseq.naming import folder_name
from digitseq.options import PARTS
from digitseq.output import Output
from digitseq.pipeline import Pipeline
from digitseq.pool import Stop
from digitseq.record import Record, Share, as_recorded, check_same, last_run
from digitseq.sources.choose import provenance
from digitseq.version import __version__


@dataclass(frozen=True)
class Part:
    """One part of a run: which glyphs, and what makes images of them."""

    share: Share
    pipeline: Pipeline


def write_parts(pipeline: Pipeline, output: Output, stop: Stop, progress: Progress | None) -> Report:
    """Write `output.count` images into train/, val/ and test/ below the run's folder; see `write_images`.

    train and val share out the training glyphs, test takes the test glyphs. Each part is a run of its own with
    a seed of its own, made of the run's. Raises `SettingsError` when other glyphs are asked for than these, and
    `OutputError` when the folder was shared out in another ratio before.
    """
    if pipeline.settings.split != "train":
        raise SettingsError("split_ratio chooses the glyphs itself: leave out split", "split")
    assert output.split_ratio is not None
    parts = split_parts(pipeline, output.split_ratio, output.count, output.cache)
    began, name = time.perf_counter(), folder_name(pipeline.settings)
    if output.resume:
        last_run(Path(output.output_path) / name)  # before a folder is made
    with Folder(output.output_path, name) as folder:
        runs = folder.read_runs()
        record = _record(pipeline, output, folder.path, runs)
        runs = [*(runs[:-1] if output.resume else runs), record]
        folder.begin(runs)
        counts: dict[str, int] = record["parts"]
        done, fault = 0, ""
        try:
            for part in parts:
                if counts[part.share.part] and not stop.requested:
                    done += _write_part(part, counts[part.share.part], folder.path, output, record, stop, progress)
        except RunError as error:
            fault = str(error)
        record["status"] = "finished" if done == sum(counts.values()) and not fault else "interrupted"
        with contextlib.suppress(OSError):
            folder.write_runs(runs)
    wanted, seconds = sum(counts.values()), time.perf_counter() - began
    if fault:
        raise RunError(f"{fault} (this makes what is missing of train/, val/ and test/)")
    return Report(folder.path, 0, done, wanted, pipeline.seed, seconds, output.format, alone=False)


def _record(pipeline: Pipeline, output: Output, path: Path, runs: list[Record]) -> Record:
    assert output.split_ratio is not None
    ratio = list(output.split_ratio)
    counts = share_out(output.count, output.split_ratio)
    record: dict[str, Any] = {
        "version": __version__,
        "status": "running",
        "seed": pipeline.seed,
        "format": output.format,
        "split_ratio": ratio,
        "parts": counts,
        "glyphs": "train and val: parts of the training glyphs without a common one; test: the test glyphs",
        **({"texts": texts} if (texts := provenance(pipeline.settings, pipeline.source)) else {}),
        "runs_before": {part: len(read_runs(path / part)) for part in PARTS},
        "settings": as_recorded(pipeline.settings),
    }
    if output.resume:
        asked = {name: value for name, value in record.items() if name not in ("status", "runs_before", "parts")}
        if output.size is not None:
            asked["parts"] = counts
        check_same(path, runs[-1], asked)
        return runs[-1] | {"status": "running"}
    if any(run.get("split_ratio") != ratio for run in runs):
        raise OutputError(
            f"{path} was written with another split_ratio, so that a glyph could get into two parts: name another "
            "directory with -o"
        )
    for run in runs:
        run["status"] = "interrupted" if run["status"] == "running" else run["status"]
    return record


def _write_part(
    part: Part, count: int, path: Path, output: Output, record: Record, stop: Stop, progress: Progress | None
) -> int:
    """Write one part, or what is left of it. Returns how many of its images are there."""
    name = part.share.part
    resume = output.resume and len(read_runs(path / name)) > record["runs_before"][name]
    own = replace(output, output_path=str(path), size=count, seed=None, split_ratio=None, resume=resume)
    report = write_folder(part.pipeline, own, stop, progress, name, part.share)
    return report.count if report.wanted else count  # nothing was wanted of a part that is finished


def split_parts(pipeline: Pipeline, ratio: tuple[float, float, float], count: int, cache: str | None) -> list[Part]:
    """The parts of a run of `count` images, but for those of which there are none, each with its own pipeline."""
    found, first = [], 0
    counts = share_out(count, ratio)
    for share, size in zip(shares(ratio), ratio):
        if size:
            share = replace(share, first_text=first, texts=count, text_seed=pipeline.seed)
            settings = replace(pipeline.settings, split=share.split)
            bank = share.of(pipeline.bank if share.split == "train" else bank_of(settings, cache))
            seed = part_seed(pipeline.seed, share.part)
            found.append(Part(share, Pipeline(settings, bank, seed, pipeline.source)))
        first += counts[share.part]
    return found


def shares(ratio: tuple[float, float, float]) -> list[Share]:
    """Which glyphs each part draws from."""
    train, val, _ = ratio
    cut = train / (train + val) if train + val else 1.0
    return [Share("train", "train", 0.0, cut), Share("val", "train", cut, 1.0), Share("test", "test", 0.0, 1.0)]


def share_out(count: int, ratio: tuple[float, float, float]) -> dict[str, int]:
    """How many of `count` images each part gets: the nearest whole numbers whose sum is `count`."""
    exact = [count * share for share in ratio]
    counts = [int(value + 1e-9) for value in exact]
    most_wanting = sorted(range(len(PARTS)), key=lambda i: counts[i] - exact[i])
    for i in most_wanting[: count - sum(counts)]:
        counts[i] += 1
    return dict(zip(PARTS, counts))


def part_seed(seed: int, part: str) -> int:
    """The seed of a part: the parts of a run must not repeat each other's gaps and distortions."""
    return int.from_bytes(hashlib.sha256(f"{seed} {part}".encode()).digest()[:6], "big")
