"""Kinds of numbers: one, two, a range, and shares of a whole."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from digitseq.options.kinds import Kind, items_of

# Stricter than int() and float(), which take "1_000", "nan", "inf" and digits of other scripts. The lengths are bounded
# as converting a text of n digits takes time n².
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}\Z")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,3})?\Z")


@dataclass(frozen=True)
class Number(Kind):
    """A number from `low` to `high`, both included; whole: a whole number."""

    low: float
    high: float
    unit: str = ""
    whole: bool = True

    @property
    def name(self) -> str:  # type: ignore[override]  # depends on the value
        return "int" if self.whole else "float"

    @property
    def noun(self) -> str:
        return "a whole number" if self.whole else "a number"

    def expected(self) -> str:
        return f"{self.noun}{self._bounds()}"

    def convert(self, value: Any) -> Any:
        return self._number(value)

    def parse(self, text: str) -> Any:
        if self.whole:
            return int(text) if _WHOLE.match(text) else text
        return float(text) if _DECIMAL.match(text) else text

    def schema(self) -> dict[str, Any]:
        return {"type": "integer" if self.whole else "number", "minimum": self.low, "maximum": self.high}

    def argument(self, name: str) -> dict[str, Any]:
        # a word that is no number passes here: the setting's own check says more than argparse would
        return {"metavar": name.upper(), "type": lambda word: Number.parse(self, word)}

    def _bounds(self) -> str:
        return f" from {self.low:,} to {self.high:,}" + (f" {self.unit}" if self.unit else "")

    def _number(self, value: Any) -> Any:
        if isinstance(value, (bool, np.bool_, str, bytes)):
            raise TypeError
        number = operator.index(value) if self.whole else float(value)
        if not (math.isfinite(number) and self.low <= number <= self.high):
            raise ValueError
        return number


@dataclass(frozen=True)
class NumberPair(Number):
    """Two numbers, each from `low` to `high`. parts: what the two are, such as "width and height"."""

    parts: str = ""
    name = "pair"
    takes_list = True

    def expected(self) -> str:
        noun = "two whole numbers" if self.whole else "two numbers"
        return f"{noun}, {self.parts}, each{self._bounds()}"

    def convert(self, value: Any) -> Any:
        first, second = items_of(value)
        return self._number(first), self._number(second)

    def parse(self, text: str) -> Any:
        return [super(NumberPair, self).parse(part.strip()) for part in text.split(",")]

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": super().schema(), "minItems": 2, "maxItems": 2}

    def argument(self, name: str) -> dict[str, Any]:
        return super().argument(name) | {"nargs": 2}


@dataclass(frozen=True)
class NumberRange(Number):
    """A number, exactly this, or a pair (low, high), uniform in between. It is kept as a pair."""

    name = "range"

    def expected(self) -> str:
        return f"{self.noun} or a pair{' of them' * self.whole} (low, high){self._bounds()}"

    def convert(self, value: Any) -> Any:
        low, high = value if isinstance(value, (tuple, list)) else (value, value)
        low, high = self._number(low), self._number(high)
        if low > high:
            raise ValueError
        return low, high

    def parse(self, text: str) -> Any:
        numbers = [super(NumberRange, self).parse(part) for part in text.split("..")]
        if any(isinstance(number, str) for number in numbers):
            return text
        return numbers[0] if len(numbers) == 1 else tuple(numbers)


@dataclass(frozen=True)
class Shares(Kind):
    """Shares of a whole, one for each of `parts`, from 0 to 1 and with the sum 1."""

    parts: tuple[str, ...]
    name = "ratio"
    takes_list = True

    def expected(self) -> str:
        return f"a number from 0 to 1 for each of {', '.join(self.parts)}, with the sum 1"

    def convert(self, value: Any) -> tuple[float, ...]:
        shares = tuple(self._share.convert(share) for share in items_of(value))
        if len(shares) != len(self.parts) or abs(sum(shares) - 1) > 1e-6:
            raise ValueError
        return shares

    def parse(self, text: str) -> Any:
        return [self._share.parse(part.strip()) for part in text.split(",")]

    def schema(self) -> dict[str, Any]:
        count = len(self.parts)
        return {"type": "array", "items": self._share.schema(), "minItems": count, "maxItems": count}

    def argument(self, name: str) -> dict[str, Any]:
        words = tuple(part.upper() for part in self.parts)
        return self._share.argument(name) | {"nargs": len(words), "metavar": words}

    @property
    def _share(self) -> Number:
        return Number(0, 1, whole=False)
