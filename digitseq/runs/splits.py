"""What goes into which folder of a run: all images into its own or, split, into train/, val/ and test/ below it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from digitseq.formats import FORMATS, format_of
from digitseq.formats.base import EarlierRun, Job, RunRequest
from digitseq.options import PARTS
from digitseq.pipeline import Pipeline
from digitseq.renderer.renderer_cache import bank_of
from digitseq.runs.manifest import Record, Section, sections_of
from digitseq.runs.naming import file_stem
from digitseq.runs.run_settings import Output
from digitseq.sources.base import OffsetSource


def shares(ratio: tuple[float, float, float]) -> dict[str, tuple[str, float, float]]:
    """The glyphs that train/, val/ and test/ draw from: those of every class of a split between two fractions."""
    train, val, _ = ratio
    cut = train / (train + val) if train + val else 1.0
    return {"train": ("train", 0.0, cut), "val": ("train", cut, 1.0), "test": ("test", 0.0, 1.0)}


def share_out(count: int, ratio: tuple[float, float, float]) -> dict[str, int]:
    """How many of `count` images each part gets: the nearest whole numbers whose sum is `count`."""
    total = sum(ratio)  # 1 except for rounding, which amounts to whole images in a large run
    exact = [count * share / total for share in ratio]
    counts = [min(int(value + 1e-9), count) for value in exact]
    # the images that rounding down has left over go to the parts that lost most
    by_loss = sorted(range(len(PARTS)), key=lambda i: counts[i] - exact[i])
    for i in by_loss[: count - sum(counts)]:
        counts[i] += 1
    return dict(zip(PARTS, counts))


def portion(count: int, unit: int, shards: str | None) -> range:
    """The images, from 0, of `count` that the part `shards` of a run makes, such as "1/3"; None: all of them.

    unit: images that stay together. All parts get equally many units, to within one; some get none where these are few.
    """
    number, parts = map(int, (shards or "1/1").split("/"))
    units = -(-count // unit)
    start, stop = (min(units * n // parts * unit, count) for n in (number - 1, number))
    return range(start, stop)


def unit_of(format_name: str, shard_size: int) -> int:
    """How many images in a row always go to one folder, as they are in one file that has a number."""
    return shard_size if "shard_size" in FORMATS[format_name].options else 1


def part_folder(shards: str) -> str:
    """The name of the folder of the part `shards` of a run: 1-of-3 for "1/3"."""
    return shards.replace("/", "-of-")


def planned_images(count: int, ratio: tuple[float, float, float] | None, unit: int, shards: str | None) -> int:
    """How many images the part `shards` has of a run of `count` images, split by `ratio`. unit: as above."""
    counts = share_out(count, ratio).values() if ratio else [count]
    return sum(len(portion(each, unit, shards)) for each in counts)


def run_images(output: Output) -> int:
    """How many images the run has that `output` asks for. Raises `SettingsError` as `Output.count`."""
    unit = unit_of(output.format, output.shard_size)
    return planned_images(output.count, output.split_ratio, unit, output.shards)


def part_seed(seed: int, part: str) -> int:
    """The seed of a part: the parts of a run must not repeat each other's gaps and distortions."""
    return int.from_bytes(hashlib.sha256(f"{seed} {part}".encode()).digest()[:6], "big")


@dataclass(frozen=True, eq=False)
class Placement:
    """One section of a run to come: its folder ("" for the run's own), its pipeline, and how many images.

    first_text: its first image gets the text of this image, from 0, of a run with `text_seed`; the next one the text
    after that. None: every image gets the text of its own number under the pipeline's seed.
    skipped: how many images other parts of the run make before the first one
    """

    folder: str
    pipeline: Pipeline
    count: int
    first_text: int | None = None
    text_seed: int = 0
    skipped: int = 0

    def begin(self, output: Output, path: Path, runs: list[Record]) -> Section:
        """The section of a new run in the folder `path` of earlier `runs`. Raises what `Format.begin` does."""
        earlier = [
            EarlierRun(tuple(run.get("labels", ())), section.first, section.images, section.details)
            for run in runs
            if run["format"] == output.format
            for section in sections_of(run)
            if section.folder == self.folder
        ]
        name, apart = file_stem(self.pipeline.settings, output.name), bool(output.shards)
        start = (output.start or 1) - 1 + self.skipped if output.start or apart else None
        request = RunRequest(
            path / self.folder, name, self.count, output.labels, output.shard_size, earlier, start, self.folder, apart
        )
        plan = format_of(output.format).begin(self.pipeline, request)
        return Section(self.folder, plan.start + 1, plan.start + self.count, 0, plan.part_size, plan.details)

    def job(self, output: Output, section: Section) -> Job:
        """What the format has to make."""
        pipeline, start = self.pipeline, section.first - 1
        if self.first_text is not None and (self.first_text, self.text_seed) != (start, pipeline.seed):
            pipeline = pipeline.with_source(OffsetSource(pipeline.source, self.text_seed, self.first_text - start))
        name = file_stem(pipeline.settings, output.name)
        return Job(pipeline, name, start, section.last, output.labels, section.details, part=self.folder)


def result_paths(placed: list[Placement], output: Output, path: Path) -> list[Path]:
    """Where a run into the folder `path` may write results."""
    format_, stem = format_of(output.format), file_stem(placed[0].pipeline.settings, output.name)
    found = [path / each.folder / name for each in placed for name in format_.results(output.labels, stem)]
    return found + [path / name for name in format_.split_results(output.labels) if placed[0].folder]


def placements(pipeline: Pipeline, output: Output) -> list[Placement]:
    """The sections of a run of `output.count` images, or of the part of it that `output.shards` asks for, without those
    that get none.

    Each part of a split run has glyphs and a seed of its own. The texts of the run are split consecutively.
    """
    unit, found = unit_of(output.format, output.shard_size), list[Placement]()
    for each in _whole_run(pipeline, output):
        if images := portion(each.count, unit, output.shards):
            first_text = None if each.first_text is None else each.first_text + images.start
            found.append(replace(each, count=len(images), first_text=first_text, skipped=images.start))
    return found


def _whole_run(pipeline: Pipeline, output: Output) -> list[Placement]:
    if output.split_ratio is None:
        # the lines of a file begin at its top in every run that does not say with which image it starts
        first_text = 0 if pipeline.source.origin.ordered and output.start is None else None
        return [Placement("", pipeline, output.count, first_text, pipeline.seed)]
    found, first, counts = [], 0, share_out(output.count, output.split_ratio)
    for part, (split, low, high) in shares(output.split_ratio).items():
        if count := counts[part]:
            settings = replace(pipeline.settings, split=split)
            bank = pipeline.bank if split == "train" else bank_of(settings, output.cache)
            own = Pipeline(settings, bank.share(low, high), part_seed(pipeline.seed, part), pipeline.source)
            found.append(Placement(part, own, count, first, pipeline.seed))
        first += counts[part]
    return found
