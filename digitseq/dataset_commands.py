"""What the command line does instead of making images: listing data sets, and downloading one."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from digitseq.console import say
from digitseq.glyphs.loader import SHIPPED, cache_directory


@dataclass(frozen=True)
class DataSetCommand:
    """Download the data set `download`, or list all where that is None. cache: as `Output.cache`."""

    download: str | None
    cache: str | None = None
    quiet: bool = False

    def run(self) -> None:
        """Raises `DataError` when the data set cannot be had, `SettingsError` when there is none of that name."""
        directory = cache_directory(self.cache)
        if self.download is None:
            from digitseq.glyphs.installed import table

            say(table(directory, SHIPPED))
            return
        from digitseq.glyphs import data_set
        from digitseq.glyphs.downloads.install import install

        install(data_set(self.download), directory, self._say, bar=not self.quiet and sys.stderr.isatty())

    def _say(self, line: str) -> None:
        if not self.quiet:
            say(line)
