"""The data sets that requests can name: those that are installed. Paths are refused."""

from __future__ import annotations

from digitseq.api import datasets
from digitseq.glyphs.installed import DataSetInfo
from digitseq.service.problems import Problem


class GlyphSets:
    """The data sets in the directory `cache`. Results are cached.

    All methods ask the file system: they are for threads, not for the event loop.
    """

    def __init__(self, cache: str | None) -> None:
        self._cache = cache
        self._known: dict[str, DataSetInfo] = {}

    def installed(self) -> dict[str, DataSetInfo]:
        """The data sets with at least one split installed, by name."""
        self._known = {info.name: info for info in datasets(self._cache) if info.installed}
        return self._known

    def check(self, name: str, split: str) -> DataSetInfo:
        """The data set. Raises `Problem` 404 unless its `split` is installed."""
        known = self._known.get(name)
        if known is None or split not in splits_of(known):
            known = self.installed().get(name)  # it may have been installed since
        if known is None:
            there_is = "GET /v1/options lists those that are installed"
            raise Problem(404, f"there is no data set {name!r:.60} here; {there_is}", "dataset")
        here = splits_of(known)
        if split not in here:
            raise Problem(404, f"split {split} of {name} is not here, but {', '.join(here)}", "split")
        return known


def splits_of(info: DataSetInfo) -> tuple[str, ...]:
    """The splits that can be asked for."""
    return (*info.installed, "all") if {"train", "test"} <= set(info.installed) else info.installed
