"""How many texts a run can have whose texts are chosen before it begins."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from digitseq.errors import SettingsError

MAX_SIZE = 1_000_000_000
MAX_BYTES = 1 << 31


def check_size(size: Any, setting: str) -> None:
    """Raises `SettingsError` unless `size` is a whole number 1 … 10⁹."""
    try:
        inside = not isinstance(size, (bool, np.bool_)) and 1 <= operator.index(size) <= MAX_SIZE
    except TypeError:
        inside = False
    if not inside:
        raise SettingsError(f"{setting}: size must be a whole number from 1 to {MAX_SIZE:,}, got {size!r:.60}", setting)


def check_memory(size: int, bytes_a_text: int, setting: str) -> None:
    """Raises `SettingsError` when a table of `size` texts would take more than `MAX_BYTES` while it is made."""
    most = MAX_BYTES // bytes_a_text
    if size > most:
        raise SettingsError(
            f"{setting}: the table of the texts of {size:,} images would take {size * bytes_a_text / 1e9:.1f} GB, at "
            f"most {MAX_BYTES / 1e9:.1f} GB are used: ask for at most {most:,} images a run",
            setting,
        )


def check_count(count: int, size: int) -> None:
    """Raises `SettingsError` when `size` different texts are asked for, and there are only `count`."""
    if count < size:
        raise SettingsError(
            f"unique: {size:,} different texts are asked for, and the source holds {count:,}: "
            f"ask for at most {count:,}",
            "unique",
        )
