"""Test cases out of several lists of values."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest


def covering(*axes: Sequence[Any]) -> list[tuple[Any, ...]]:
    """A few combinations for `pytest.mark.parametrize`, which have every value in them."""
    return [tuple(axis[i % len(axis)] for axis in axes) for i in range(max(map(len, axes)))]


def product(*axes: Sequence[Any]) -> list[Any]:
    """Every combination for `pytest.mark.parametrize`; all but a few, which have every value in them, are slow tests."""
    plain = covering(*axes)
    return [slow_unless(case in plain, *case) for case in itertools.product(*axes)]


def first(cases: Sequence[Any], plain: int = 1) -> list[Any]:
    """The cases of one list, all but the first of them slow tests."""
    return [slow_unless(i < plain, case) for i, case in enumerate(cases)]


def slow_unless(plain: bool, *case: Any) -> Any:
    return pytest.param(*case, marks=() if plain else pytest.mark.slow)
