"""digitseq: images of handwritten digit sequences out of real glyphs, with exact labels."""

from digitseq.api import datasets, generate_numbers_sequence
from digitseq.errors import DigitseqError, SettingsError
from digitseq.pipeline import Batch, Pipeline
from digitseq.settings import Settings
from digitseq.version import __version__

__all__ = [
    "Batch",
    "DigitseqError",
    "Pipeline",
    "Settings",
    "SettingsError",
    "__version__",
    "datasets",
    "generate_numbers_sequence",
]
