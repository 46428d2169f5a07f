"""The functions for use from Python."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import SettingsError
from digitseq.glyphs import GlyphBank
from digitseq.loader import SHIPPED, cache_directory, load_bank
from digitseq.pipeline import Pipeline
from digitseq.settings import Settings

if TYPE_CHECKING:
    from digitseq.glyphsets.listing import DataSetInfo

SEED_BYTES = 6  # exact in JSON readers that hold numbers as doubles


def draw_seed() -> int:
    """A seed from the operating system's randomness."""
    return int.from_bytes(os.urandom(SEED_BYTES), "big")


def generate_numbers_sequence(
    digits: str | Iterable[Any], spacing_range: tuple[int, int], image_width: int, dataset: str = "mnist"
) -> NDArray[np.float32]:
    """One image of `digits`, of randomly chosen training glyphs.

    digits: a string of characters that the data set has, or integers 0 … 9 (Python's or NumPy's)
    spacing_range: (smallest, largest) gap between two digits in pixels, ink to ink, both included
    image_width: in pixels; 0: as wide as the sequence needs
    dataset: a name out of `datasets()`, or the path of a folder with idx files

    Returns float32 (28, W), 0 black paper … 1 white ink. Raises `SettingsError`, a `ValueError`, for digits
    that the data set lacks, an empty sequence, a range that is upside down, or a width in which the digits do not fit.

    >>> generate_numbers_sequence([3, 5, 0], (0, 10), 100).shape
    (28, 100)
    """
    low, high = _pair(spacing_range)
    number = _number(digits)
    settings = Settings(number, image_width=image_width, min_spacing=low, max_spacing=high, dataset=dataset)
    image = Pipeline(settings, _bank(settings.dataset), draw_seed()).batch(0, 1).images[0]
    scaled: NDArray[np.float32] = image.astype(np.float32) / np.float32(255)
    return scaled


@lru_cache(maxsize=1)
def _bank(dataset: str) -> GlyphBank:
    return load_bank("train", dataset=dataset)


def datasets(cache: str | None = None) -> list[DataSetInfo]:
    """All data sets that have a name: classes, glyphs, size on disk, which splits are installed, licence.

    cache: the directory in which they are saved, if not the usual one.

    >>> [info.name for info in datasets()][:2]
    ['mnist', 'emnist-byclass']
    """
    from digitseq.glyphsets.listing import list_data_sets

    return list_data_sets(cache_directory(cache), SHIPPED)


def _pair(spacing_range: Any) -> tuple[Any, Any]:
    try:
        low, high = spacing_range
    except (TypeError, ValueError):
        message = f"spacing_range must be two whole numbers, smallest and largest gap, got {spacing_range!r}"
        raise SettingsError(message, "spacing_range") from None
    return low, high


def _number(digits: str | Iterable[Any]) -> str:
    if isinstance(digits, str):
        return digits
    if not isinstance(digits, Iterable):
        raise SettingsError(f"digits must be a string or a sequence of integers, got {digits!r}", "number")
    return "".join(_digit(value) for value in digits)


def _digit(value: Any) -> str:
    if isinstance(value, str) and len(value) == 1:
        return value
    try:
        digit = operator.index(value)
    except TypeError:
        digit = -1
    if isinstance(value, bool) or not 0 <= digit <= 9:
        raise SettingsError(f"digits must be integers from 0 to 9, got {value!r}", "number")
    return str(digit)
