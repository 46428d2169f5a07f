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


def check_installed(name: object, split: object) -> DataSetInfo:
    """What is known of the data set. Raises `Problem` 404 unless its `split` is here."""
    known = installed()
    if not isinstance(name, str) or name not in known:
        raise Problem(
            404, f"there is no data set {name!r:.60} here; GET /v1/options lists those that are installed", "dataset"
        )
    wanted = ("train", "test") if split == "all" else (split,)
    if split in ("train", "test", "all") and not set(wanted) <= set(known[name].installed):
        raise Problem(404, f"split {split} of {name} is not here, but {', '.join(known[name].installed)}", "split")
    return known[name]
