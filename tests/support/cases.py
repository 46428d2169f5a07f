"""Test cases out of several lists of values."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

DIAGONALS = 3


def covering(*axes: Sequence[Any], step: int = 0) -> list[tuple[Any, ...]]:
    """A few combinations for `pytest.mark.parametrize`, which have every value in them. step: others than with 0."""
    most = max(map(len, axes))
    return [tuple(axis[(i + step * k) % len(axis)] for k, axis in enumerate(axes)) for i in range(most)]


def product(*axes: Sequence[Any]) -> list[Any]:
    """Combinations for `pytest.mark.parametrize`: every value is in a plain test, and beside several others in slow ones.

    All combinations of axes that are so short; of longer ones, whose tests would take minutes, a few.
    """
    plain = covering(*axes)
    chosen = [case for step in range(DIAGONALS) for case in covering(*axes, step=step)]
    return [slow_unless(case in plain, *case) for case in itertools.product(*axes) if case in chosen]


def first(cases: Sequence[Any], plain: int = 1) -> list[Any]:
    """The cases of one list, all but the first of them slow tests."""
    return [slow_unless(i < plain, case) for i, case in enumerate(cases)]


def slow_unless(plain: bool, *case: Any) -> Any:
    return pytest.param(*case, marks=() if plain else pytest.mark.slow)
