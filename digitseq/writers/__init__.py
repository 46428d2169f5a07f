"""Output formats: a name for each, and the module that writes it."""

from __future__ import annotations

import importlib
from typing import cast

from digitseq.writers.base import Job, PartMaker, Task, Writer

MODULES = {
    "png": "digitseq.writers.png",
    "webdataset": "digitseq.writers.webdataset",
    "lmdb": "digitseq.writers.lmdb",
    "parquet": "digitseq.writers.parquet",
    "npz": "digitseq.writers.npz",
}

__all__ = ["MODULES", "Job", "PartMaker", "Task", "Writer", "writer_class"]


def writer_class(name: str) -> type[Writer]:
    """The writer of the format `name`; its module is loaded at the first call."""
    return cast(type[Writer], importlib.import_module(MODULES[name]).FormatWriter)
