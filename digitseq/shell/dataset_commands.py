"""Command line actions that make no images: listing data sets, and downloading one."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from digitseq.glyphs import get_data_set
from digitseq.glyphs.installed import DataSetInfo, list_data_sets
from digitseq.glyphs.loader import cache_directory
from digitseq.shell.console import say
from digitseq.shell.help_text import started_as

_HEADS = ("name", "classes", "train", "test", "on disk", "installed", "licence", "what")


@dataclass(frozen=True)
class DataSetCommand:
    """Download the data set `download`, or list all data sets if it is None. cache: as `Output.cache`."""

    download: str | None
    cache: str | None = None
    quiet: bool = False

    def run(self) -> int:
        """Returns the exit code.

        Raises `DataError` when the data set cannot be downloaded, `SettingsError` for an unknown name.
        """
        directory = cache_directory(self.cache)
        if self.download is None:
            say(_table(directory))
            return 0
        from digitseq.glyphs.downloads.install import install

        report = (lambda line: None) if self.quiet else say
        install(get_data_set(self.download, "download"), directory, report, not self.quiet and sys.stderr.isatty())
        return 0


def _table(cache: Path) -> str:
    """One line per data set, in aligned columns."""
    data_sets = list_data_sets(cache)
    rows = [_HEADS, *map(_cells, data_sets)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    aligned = "<>>>><<<"
    lines = [
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, aligned, widths)).rstrip() for row in rows
    ]
    if missing := next((info.name for info in data_sets if len(info.installed) < 2), None):
        lines.append(f"get one with {started_as()} --download {missing}; data sets are saved in {cache}")
    return "\n".join(lines)


def _cells(info: DataSetInfo) -> tuple[str, ...]:
    installed = {0: "no", 1: f"{''.join(info.installed)} only", 2: "yes"}[len(info.installed)]
    size = f"{info.size / 1e6:,.1f} MB" if info.size else "-"
    glyphs = f"{info.train:,}", f"{info.test:,}"
    return info.name, str(len(info.characters)), *glyphs, size, installed, info.licence, info.title
