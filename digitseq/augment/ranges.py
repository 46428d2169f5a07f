"""What an operation's parameters are: options like the settings, but for strengths, which may be ranges."""

from __future__ import annotations

from typing import Any

from digitseq.options import Number, NumberRange, setting


def parameter(
    default: object, help: str, *, low: float, high: float, unit: str = "", integer: bool = False, single: bool = False
) -> Any:
    """A dataclass field that is a number of an operation: a range, or with `single` one number.

    low, high: what is allowed, both included; integer: whole numbers only
    """
    return setting(default, (Number if single else NumberRange)(low, high, unit, integer), help)


def probability(of: str) -> Any:
    """The field `p` that every operation has."""
    return parameter(1.0, f"probability for each {of}", low=0, high=1, single=True)
