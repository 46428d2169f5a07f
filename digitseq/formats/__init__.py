"""Output formats: a new one is one module and one entry of `FORMATS`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

from digitseq.lazy_imports import import_package

if TYPE_CHECKING:
    from digitseq.formats.base import Format


class Download(NamedTuple):
    """A format as one file over HTTP. name: what REST calls the format; suffix: of the file's name, without a dot."""

    name: str
    suffix: str
    media_type: str


class FormatEntry(NamedTuple):
    """What is known about a format before its module is loaded.

    module: it defines the class `OutputFormat`; help: one line for `--help` and the web page
    download: None for a format that is not offered over HTTP
    options: the settings that only some formats have; package: what has to be installed
    hub: patterns of the files below a folder that Hugging Face's `datasets` reads; none if it does not know the format
    """

    module: str
    help: str
    download: Download | None = None
    options: tuple[str, ...] = ()
    package: str | None = None
    hub: tuple[str, ...] = ()


FORMATS = {
    "png": FormatEntry(
        "png_files", "single PNG files with label files beside them", Download("zip", "zip", "application/zip"),
        options=("labels",), hub=("**/*.png", "**/metadata.jsonl"),
    ),
    "webdataset": FormatEntry(
        "webdataset", "WebDataset tar shards: a .png, .txt and .json file for each sample",
        Download("webdataset", "tar", "application/x-tar"), options=("shard_size",),
        hub=("**/*.tar",),
    ),
    "lmdb": FormatEntry(
        "lmdb", "an LMDB database as PARSeq and PaddleOCR read it",
        Download("lmdb", "mdb", "application/octet-stream"), package="lmdb",
    ),
    "parquet": FormatEntry(
        "parquet", "Parquet shards with the features of Hugging Face datasets",
        Download("parquet", "parquet", "application/vnd.apache.parquet"), options=("shard_size",), package="pyarrow",
        hub=("**/*.parquet",),
    ),
    "npz": FormatEntry(
        "npz", "one file of NumPy arrays: images, labels, lengths, boxes, widths",
        Download("npz", "npz", "application/x-npz"),
    ),
}  # fmt: skip

# by their names in REST: the key of `FORMATS`, and the file
DOWNLOADS = {entry.download.name: (name, entry.download) for name, entry in FORMATS.items() if entry.download}


def format_of(name: str) -> Format:
    """The format `name`, a key of `FORMATS`. Raises `MissingPackageError` when its package cannot be loaded."""
    if package := FORMATS[name].package:
        import_package(package, f"format {name}")
    return format_without_package(name)


def format_without_package(name: str) -> Format:
    """The format `name`, which may lack its package: enough to find its files by their names."""
    made: Format = importlib.import_module(f"digitseq.formats.{FORMATS[name].module}").OutputFormat()
    return made
