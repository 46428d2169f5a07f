"""Which data sets can be asked for: those that are installed, by name. A path is none."""

from __future__ import annotations

from digitseq.api import datasets
from digitseq.glyphsets.listing import DataSetInfo
from digitseq.options import Option
from digitseq.service.problems import Problem

DEFAULT = "mnist"
DATASET = Option("str", "which data set the glyphs come from, by its name in /v1/options", "data")


def installed() -> dict[str, DataSetInfo]:
    """The data sets of which at least one split is here, by name."""
    return {info.name: info for info in datasets() if info.installed}


def splits_of(info: DataSetInfo) -> tuple[str, ...]:
    """The splits that can be asked for."""
    return (*info.installed, "all") if {"train", "test"} <= set(info.installed) else info.installed


def check_installed(name: object, split: object) -> DataSetInfo:
    """What is known of the data set. Raises `Problem` 404 unless its `split` is here."""
    known = installed()
    if not isinstance(name, str) or name not in known:
        raise Problem(
            404, f"there is no data set {name!r:.60} here; GET /v1/options lists those that are installed", "dataset"
        )
    here = splits_of(known[name])
    if split in ("train", "test", "all") and split not in here:
        raise Problem(404, f"split {split} of {name} is not here, but {', '.join(here)}", "split")
    return known[name]
