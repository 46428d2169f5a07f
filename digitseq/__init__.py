"""digitseq: images of handwritten digit sequences from real glyphs, with exact labels.

`generate_numbers_sequence` makes one image; `SequenceGenerator` makes the endless series of images of `Settings`
and a seed: one by one, in batches, or written to files; `digitseq.torch_data` has data sets for PyTorch.

Most names below are loaded when first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from digitseq.errors import (
    DataError,
    DigitseqError,
    DigitseqWarning,
    MissingPackageError,
    OutputError,
    RunError,
    SettingsError,
)
from digitseq.lazy_imports import lazy_attributes

if TYPE_CHECKING:
    from digitseq.api import datasets, generate_numbers_sequence, generate_phone_number
    from digitseq.generator import Sample, SequenceBatch, SequenceGenerator
    from digitseq.pipeline import Batch, Pipeline
    from digitseq.runs.run_settings import Output
    from digitseq.settings import Settings

__version__ = "0.2.0"

_LAZY_ATTRIBUTES = {  # name: the module that defines it
    "Batch": "pipeline",
    "Output": "runs.run_settings",
    "Pipeline": "pipeline",
    "Sample": "generator",
    "SequenceBatch": "generator",
    "SequenceGenerator": "generator",
    "Settings": "settings",
    "datasets": "api",
    "generate_numbers_sequence": "api",
    "generate_phone_number": "api",
}

__all__ = [
    "Batch",
    "DataError",
    "DigitseqError",
    "DigitseqWarning",
    "MissingPackageError",
    "Output",
    "OutputError",
    "Pipeline",
    "RunError",
    "Sample",
    "SequenceBatch",
    "SequenceGenerator",
    "Settings",
    "SettingsError",
    "__version__",
    "datasets",
    "generate_numbers_sequence",
    "generate_phone_number",
]

__getattr__ = lazy_attributes(__name__, _LAZY_ATTRIBUTES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
