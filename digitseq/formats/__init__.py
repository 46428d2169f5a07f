"""Output formats: one module and one line of `FORMATS` for each."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

from digitseq.lazy_imports import import_package

if TYPE_CHECKING:
    from digitseq.formats.base import Format


class Entry(NamedTuple):
    """What is known of a format before it is loaded.

    module: it has the class `OutputFormat`; options: the settings that go with this format; package: what it needs
    """

    module: str
    options: tuple[str, ...] = ()
    package: str | None = None


FORMATS = {
    "png": Entry("png_files", ("labels",)),
    "webdataset": Entry("webdataset", ("shard_size",)),
    "lmdb": Entry("lmdb", package="lmdb"),
    "parquet": Entry("parquet", ("shard_size",), "pyarrow"),
    "npz": Entry("npz"),
}


def format_of(name: str) -> Format:
    """The format `name`. Raises `MissingPackageError` when its package cannot be loaded."""
    entry = FORMATS[name]
    if entry.package:
        import_package(entry.package, f"format {name}")
    made: Format = importlib.import_module(f"digitseq.formats.{entry.module}").OutputFormat()
    return made
