"""The folder that a run writes to, on a disk or in an object store."""

from __future__ import annotations

import warnings
from pathlib import Path

from digitseq.errors import DigitseqWarning, SettingsError
from digitseq.files.locations import is_object, location
from digitseq.formats import format_without_package
from digitseq.runs.making import processes
from digitseq.runs.naming import folder_name
from digitseq.runs.run_settings import Output
from digitseq.runs.splits import part_folder
from digitseq.settings import Settings


def run_path(settings: Settings, output: Output) -> Path:
    """The folder of a run. Raises as `location` does."""
    path = location(output.output_path) / folder_name(settings, output.name)
    return path / part_folder(output.shards) if output.shards else path


def check_target(path: Path, output: Output, has_executor: bool) -> None:
    """Refuse, or warn of, what does not go well with an object store."""
    if not is_object(path):
        return
    if format_without_package(output.format).keeps:
        raise SettingsError(
            f"format {output.format} is one file that is written bit by bit, which needs a disk, and {path} is in an "
            "object store: take webdataset or parquet, or write to a disk and copy the file",
            "format",
        )
    if str(path).startswith("memory:") and (processes(output) > 1 or has_executor or output.dask):
        raise SettingsError(
            "output_path memory:// belongs to one process: leave out `multi_core`, `dask` and executors", "output_path"
        )
    if output.format == "png" and not output.dry_run:
        warnings.warn(
            f"format png makes an object of each image in {path}: millions of small objects are slow and dear to write "
            "and to read; webdataset and parquet make shards",
            DigitseqWarning,
            stacklevel=3,
        )
