"""Settings of a run: where images go, how many, and in which format. They do not change what an image looks like."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from digitseq.errors import SettingsError
from digitseq.formats import FORMATS
from digitseq.labels import LABEL_FORMATS
from digitseq.options import (
    PARTS,
    Choice,
    Choices,
    FilePath,
    Flag,
    NamedOptions,
    Number,
    PartOf,
    Shares,
    Text,
    clean_fields,
    setting,
    shown,
)
from digitseq.runs.naming import UNSAFE_SHOWN, safe_folder_name
from digitseq.sources import Source

PICTURES = ("", ".png", ".jpg", ".jpeg")  # endings of a preview; without one it is a PNG file
NO_LABELS = "none"
LOCAL = "local"  # the address of a Dask cluster that the run starts
ADDRESS = rf"{LOCAL}|((tcp|tls|ucx|ucxx|ws|wss)://)?[^\s/]+:[0-9]{{1,5}}"
LABELS = (*LABEL_FORMATS, NO_LABELS)
# settings that only some formats have, and these
PARTLY = {o: [f for f, entry in FORMATS.items() if o in entry.options] for o in ("labels", "shard_size")}


@dataclass(frozen=True)
class Output(NamedOptions):
    """Where and how many: nothing here changes what image i looks like under a given seed."""

    cache: str | None = setting(
        None, FilePath(), "directory in which data sets are saved", "data", "-c",
        shown_default="$DIGITSEQ_CACHE, or the user's cache directory",
    )  # fmt: skip
    output_path: str = setting(
        "./output", FilePath(), "directory to save results in; images go to OUTPUT_PATH/NUMBER/1.png, 2.png, ...",
        "batch", "-o",
    )  # fmt: skip
    name: str | None = setting(
        None, Text(), "name of the directory below OUTPUT_PATH, and of shards in it, instead of what the source says",
        "batch", shown_default="such as NUMBER or random",
    )  # fmt: skip
    format: str = setting(
        "png", Choice(tuple(FORMATS)), "; ".join(f"{name}: {entry.help}" for name, entry in FORMATS.items()), "batch",
    )  # fmt: skip
    labels: tuple[str, ...] = setting(
        ("jsonl",), Choices(LABELS),
        f"labels beside PNG files, several allowed: {', '.join(f'{k} ({v.files})' for k, v in LABEL_FORMATS.items())}; "
        f"or {NO_LABELS}",
        "batch", shown_default="jsonl", title="Label files",
    )  # fmt: skip
    shard_size: int = setting(
        10_000, Number(1, 10_000_000), f"images per shard, with {' and '.join(PARTLY['shard_size'])}", "batch"
    )
    split_ratio: tuple[float, float, float] | None = setting(
        None, Shares(0, 1, whole=False, parts=PARTS), "write train/, val/ and test/ with these shares of the images "
        "and no glyph in common", "batch", shown_default="off",
    )  # fmt: skip
    card: str = setting(
        "auto", Choice(("auto", "on", "off")), "a Hugging Face data-set card, README.md with samples.svg, beside the "
        "images; auto: for 1,000 images or more. A README.md of your own is left alone", "batch",
        bare="on", metavar="WHEN",
    )  # fmt: skip
    multi_core: int | None = setting(
        None, Number(-1, 256), "worker processes; 0 or 1: none, images are made in the main process; "
        "-1: one per core", "batch", "-m",
        shown_default="0",
    )  # fmt: skip
    dask: str | None = setting(
        None, Text(), "make images on the Dask cluster whose scheduler has this address, such as tcp://10.0.0.5:8786; "
        "local: on one of `multi_core` processes that is started here", "batch", shown_default="none",
        metavar="ADDRESS",
    )  # fmt: skip
    size: int | None = setting(
        None, Number(1, 1_000_000_000), "number of images; with `numbers_file` or `numbers`, by default one for each "
        "text", "batch", "-s",
        shown_default="1; 100 with `multi_core`", title="Number of images",
    )  # fmt: skip
    seed: int | None = setting(
        None, Number(0, 2**64 - 1), "random seed: the same seed and settings give the same images", "batch",
        shown_default="random, printed and recorded",
    )  # fmt: skip
    preview: str | None = setting(
        None, FilePath(), "write one picture, PNG or JPEG by its ending, of samples with their labels instead of a "
        "data set", "look", shown_default="none", metavar="FILE",
    )  # fmt: skip
    preview_operations: str | None = setting(
        None, FilePath(), "the same with a sample of each operation at its defaults, and its name", "look",
        shown_default="none", metavar="FILE",
    )  # fmt: skip
    dry_run: bool = setting(
        False, Flag(), "write nothing; print what would be made, how large, in what time, from a measured sample",
        "batch",
    )  # fmt: skip
    start: int | None = setting(
        None, Number(1, 900_000_000_000), "number of the first image: image START of the seed's series and those after "
        "it, whatever else was made", "batch", shown_default="after the last one in the folder",
    )  # fmt: skip
    overwrite: bool = setting(
        False, Flag(), "begin the folder anew: remove the files that earlier runs recorded, and no others", "batch"
    )
    shards: str | None = setting(
        None, PartOf(100_000), "make only part I of N of the run, in OUTPUT_PATH/NUMBER/I-of-N; all parts, made "
        "anywhere and in any order, together are the run; needs `seed` and `size`", "batch",
        shown_default="off",
    )  # fmt: skip
    resume: bool = setting(False, Flag(), "finish the interrupted run in this folder; give the same settings", "batch")
    quiet: bool = setting(False, Flag(), "print nothing but errors", "batch")

    def __post_init__(self) -> None:
        clean_fields(self)
        for name in ("preview", "preview_operations"):
            if (given := getattr(self, name)) is not None and Path(given).suffix.lower() not in PICTURES:
                raise SettingsError(f"{name} must be the name of a .png or .jpg file, got {given!r:.60}", name)
        if self.dry_run and (self.preview or self.preview_operations):
            raise SettingsError("dry_run writes nothing, and `preview` a file: leave out one of them", "dry_run")
        if NO_LABELS in self.labels and len(self.labels) > 1:
            raise SettingsError(f"labels none cannot be combined with others, got {' '.join(self.labels)}", "labels")
        if self.name is not None and safe_folder_name(self.name) != self.name:
            raise SettingsError(
                f"name must be that of one directory on any system, without {UNSAFE_SHOWN} and a dot at an end, got "
                f"{shown(self.name)}; possible is {shown(safe_folder_name(self.name))}",
                "name",
            )
        if self.overwrite and self.resume:
            raise SettingsError("overwrite begins anew, and `resume` goes on: leave out one of them", "overwrite")
        if self.overwrite and self.dry_run:
            raise SettingsError("dry_run removes nothing, and `overwrite` does: leave out one of them", "dry_run")
        if self.start and self.split_ratio:
            raise SettingsError(
                "start goes without `split_ratio`: each of train, val and test is a series of its own", "start"
            )
        if self.shards and self.seed is None:
            raise SettingsError("shards needs `seed`, the same for all parts: each is made alone", "shards")
        if self.dask is not None:
            if not re.fullmatch(ADDRESS, self.dask):
                raise SettingsError(
                    f"dask must be {LOCAL}, or the address of a scheduler such as tcp://10.0.0.5:8786, got "
                    f"{shown(self.dask)}",
                    "dask",
                )
            if self.dask != LOCAL and self.multi_core:
                raise SettingsError(
                    "multi_core goes without `dask`, or with its address local: a cluster has the workers that were "
                    "started for it",
                    "multi_core",
                )
        for name, formats in PARTLY.items():
            # "none" is right for every format: all but single files contain their labels
            if self.format not in formats and getattr(self, name) not in (getattr(type(self), name), (NO_LABELS,)):
                raise SettingsError(
                    f"{name} goes with `format` {' or '.join(formats)}, got {self.format}: leave it out, or name "
                    "another format",
                    name,
                )

    @property
    def begins_alone(self) -> bool:
        """Whether what resumes a run may begin it, too: seed and size are given, so no record is needed.

        A job that is queued again gives the same command, wherever it was ended.
        """
        return bool(self.shards) or (self.seed is not None and self.size is not None)

    @property
    def count(self) -> int:
        """How many images: `size`, or its default, which `multi_core` raises from 1 to 100.

        `SettingsError` for a part of a run whose size is not given.
        """
        if self.shards and not self.size:
            raise SettingsError("shards needs `size`, the number of images of all parts together", "shards")
        return self.size or (1 if self.multi_core is None else 100)

    def sized(self, source: Source) -> Output:
        """The same with a size: where none was given, that of `source`, or the default."""
        images = source.origin.images
        if images and not self.size:
            images -= (self.start or 1) - 1
            if images < 1:
                raise SettingsError(
                    f"start {self.start:,} is after the last text, {source.origin.images:,}: give `size` to go on from "
                    "the top",
                    "start",
                )
        return replace(self, size=self.size or images or self.count)
