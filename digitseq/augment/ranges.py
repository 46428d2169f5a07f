"""What an operation's parameters are: meaning, range, unit and default of each, once, where the field stands.

A strength is a number (exactly this) or a pair (low, high) (uniform in between). It is kept as a pair.
"""

from __future__ import annotations

import math
import operator
import os
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from digitseq.errors import SettingsError


@dataclass(frozen=True)
class Parameter:
    """What is known of one parameter beside its default.

    low, high: what is allowed, both included; choices: the words that are allowed; without either it is a text
    integer: whole numbers only; single: one number, not a pair; flag: True or False
    """

    help: str
    low: float | None = None
    high: float | None = None
    unit: str = ""
    integer: bool = False
    single: bool = False
    flag: bool = False
    choices: tuple[str, ...] = ()

    def expected(self) -> str:
        """What is allowed, in words: "a number or a pair (low, high) from 0 to 20 pixels"."""
        if self.flag:
            return "True or False"
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.low is None or self.high is None:
            return "a text"
        noun = "a whole number" if self.integer else "a number"
        pair = "" if self.single else f" or a pair{' of them' * self.integer} (low, high)"
        return f"{noun}{pair} from {self.low:,} to {self.high:,}" + (f" {self.unit}" if self.unit else "")

    def clean(self, owner: str, name: str, value: object) -> Any:
        """`value` as plain Python, a pair where that is allowed; `SettingsError` says what is expected."""
        try:
            return self._convert(value)
        except (TypeError, ValueError, OverflowError):
            given = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
            raise SettingsError(f"{owner}: {name} must be {self.expected()}, got {given}", name) from None

    def _convert(self, value: Any) -> Any:
        if self.flag:
            if not isinstance(value, (bool, np.bool_)):
                raise TypeError
            return bool(value)
        if self.choices or self.low is None:
            text = os.fspath(value)
            if not isinstance(text, str) or (self.choices and text not in self.choices):
                raise TypeError
            return text
        if self.single:
            return self._number(value)
        low, high = value if isinstance(value, (tuple, list)) else (value, value)
        low, high = self._number(low), self._number(high)
        if low > high:
            raise ValueError
        return low, high

    def _number(self, value: Any) -> Any:
        if isinstance(value, (bool, np.bool_, str, bytes)):
            raise TypeError
        number = operator.index(value) if self.integer else float(value)
        inside = self.low is None or self.high is None or self.low <= number <= self.high
        if not (math.isfinite(number) and inside):
            raise ValueError
        return number


def parameter(default: object, help: str, **known: Any) -> Any:
    """A dataclass field that is an operation's parameter; `known` as in `Parameter`."""
    return field(default=default, metadata={"parameter": Parameter(help, **known)})


def probability(of: str) -> Any:
    """The field `p` that every operation has."""
    return parameter(1.0, f"probability for each {of}", low=0, high=1, single=True)


def parameters(operation: Any) -> dict[str, Parameter]:
    """The parameters of an operation or of its class, by name, in the order in which they are written."""
    return {f.name: f.metadata["parameter"] for f in fields(operation) if "parameter" in f.metadata}


def check(operation: Any) -> None:
    """Make every parameter of a frozen dataclass clean, or raise `SettingsError`. For its __post_init__."""
    for name, known in parameters(operation).items():
        object.__setattr__(operation, name, known.clean(operation.name, name, getattr(operation, name)))
