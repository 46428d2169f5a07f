"""What an operation's parameters are: options like the settings, but for strengths, which may be ranges."""

from __future__ import annotations

from typing import Any

from digitseq.options import Choice, FilePath, Flag, Kind, Number, NumberRange, setting


def parameter(
    default: object,
    help: str,
    *,
    low: float | None = None,
    high: float = 0,
    unit: str = "",
    integer: bool = False,
    single: bool = False,
    flag: bool = False,
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field that is an operation's parameter.

    low, high: what is allowed, both included; single: one number, not a range; integer: whole numbers only
    choices: the words that are allowed; flag: True or False; none of these: the path of a file or directory
    """
    kind: Kind = Flag() if flag else Choice(choices) if choices else FilePath(empty=True)
    if low is not None:
        kind = (Number if single else NumberRange)(low, high, unit, integer)
    return setting(default, kind, help)


def probability(of: str) -> Any:
    """The field `p` that every operation has."""
    return parameter(1.0, f"probability for each {of}", low=0, high=1, single=True)
