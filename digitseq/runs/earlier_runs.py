"""What the earlier runs in a folder mean for a new one."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

from digitseq.errors import DigitseqWarning, OutputError
from digitseq.files.listing import folders_in
from digitseq.options import Option, options
from digitseq.runs.folder import read_runs
from digitseq.runs.manifest import Record, Section, differences, sections_of, size_of
from digitseq.runs.run_settings import Output
from digitseq.settings import DEFAULTS, Settings

REMEDY = "name another folder with `name` or `output_path`, or begin this one anew with `overwrite`"
_PART = r"[0-9]+-of-[0-9]+"
NAMED = 3  # differences in one line
ABOUT_GLYPHS = ("dataset", "image_height", "glyph_height", "letter_layout")  # with others the digest differs, too


def check_follows(path: Path, runs: list[Record], asked: Record) -> None:
    """Compare a run that is `asked` for with those that have images in the folder `path`.

    Raises `OutputError` where glyphs for training and for testing would be mixed.
    """
    for run in filter(_has_images, runs):
        if run.get("split_ratio") != asked["split_ratio"]:
            ratio = options(Output)["split_ratio"]
            kinds = [
                f"`split_ratio` {_words(ratio, one['split_ratio'])}" if one.get("split_ratio") else "no `split_ratio`"
                for one in (run, asked)
            ]
            raise OutputError(f"{path} has images of a run with {kinds[0]}, this one has {kinds[1]}: {REMEDY}")
        split = run.get("dataset", {}).get("split", asked["dataset"]["split"])
        if split != asked["dataset"]["split"]:
            raise OutputError(
                f"{path} has images of split {split}, this run has those of split {asked['dataset']['split']}: {REMEDY}"
            )


def check_other_parts(path: Path, asked: Record) -> None:
    """`OutputError` where a folder beside `path` has a part of another run than the part that is `asked` for."""
    for name in folders_in(path.parent):
        if name == path.name or not re.fullmatch(_PART, name):
            continue
        runs = read_runs(path.parent / name)
        if runs and runs[-1].get("shards"):
            pair = [run | {"shards": run["shards"].partition("/")[2] + " parts"} for run in (runs[-1], asked)]
            if differing := differences(*pair):
                raise OutputError(
                    f"{path.parent / name} has a part of another run: {'; '.join(differing)}; give the same settings "
                    "for all parts, or name another folder with `name` or `output_path`"
                )
            return  # others were compared with it


def warn_of_other_settings(path: Path, runs: list[Record], asked: Record) -> None:
    """Warn where the last run that has images in the folder `path` had other settings than the one `asked` for."""
    earlier = [run for run in runs if _has_images(run)]
    changed = _differences(earlier[-1], asked) if earlier and earlier[-1].get("settings") else []
    if changed:
        more = f" and {len(changed) - NAMED} more" * (len(changed) > NAMED)
        warnings.warn(
            f"{path} has images with other settings ({', '.join(changed[:NAMED])}{more}): to keep them apart, {REMEDY}",
            DigitseqWarning,
            stacklevel=5,
        )


def check_alone(path: Path, sections: list[Section]) -> None:
    """Warn where the first image of a run that has begun the folder anew is not image 1."""
    first = max(section.first for section in sections)
    if first > 1:
        warnings.warn(
            f"{path} has images that no record of digitseq lists: they stay, and this run begins with image {first:,}",
            DigitseqWarning,
            stacklevel=5,
        )


def is_continued(runs: list[Record], record: Record, output: Output) -> bool:
    """Whether one of the earlier `runs` has images of the series of which `record` has the next ones."""
    sections = sections_of(record)
    # the lines of a file begin at its top again, unless the run says with which image it starts
    lines = "lines_sha256" in record.get("texts", {}) and not output.start
    if sections[0].first == 1 or record["split_ratio"] or lines:
        return False
    same = ("version", "seed", "texts", "split_ratio", "settings", "dataset")
    chosen = record["settings"]["unique"] or record["settings"]["balanced"]  # texts depend on the number of images
    return any(
        all(run.get(name) == record.get(name) for name in same)
        and (not chosen or size_of(run) == output.count)
        for run in runs
        if _has_images(run)
    )  # fmt: skip


def _has_images(run: Record) -> bool:
    return any(section.images for section in sections_of(run))


def _differences(run: Record, asked: Record) -> list[str]:
    """Each setting that differs, as "name: old -> new"."""
    known: dict[str, Option] = options(Settings)
    usual = json.loads(json.dumps(DEFAULTS))
    before, now = usual | run.get("settings", {}), asked["settings"]
    changed = [f"format: {run['format']} -> {asked['format']}"] * (run["format"] != asked["format"])
    changed += [
        f"{name}: {_words(known[name], before[name])} -> {_words(known[name], now[name])}"
        for name in now
        if before.get(name) != now[name]
    ]
    digests = [record.get("dataset", {}).get("sha256") for record in (run, asked)]
    if all(before.get(name) == now.get(name) for name in ABOUT_GLYPHS) and digests[0] not in (None, digests[1]):
        changed.append(f"dataset: {now['dataset']} has other glyphs now")
    return changed


def _words(option: Option, value: Any) -> str:
    """A value of a setting as it is given on the command line."""
    words = [] if value is None else option.kind.words(value)
    return " ".join(f"{word:.40}" for word in words) or "none"
