"""Kinds of numbers: one, several, shares of a whole, a range, and one of several parts."""

from __future__ import annotations

import math
import operator
import re
from copy import copy
from typing import Any, cast

import numpy as np

from digitseq.options.kinds import Kind, Text, items_of, shown

# Stricter than int() and float(), which take "1_000", "nan", "inf" and digits of other scripts. The lengths are bounded
# as converting a text of n digits takes time n².
_WHOLE = r"[+-]?[0-9]{1,20}"
_DECIMAL = r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,3})?"


class Number(Kind):
    """A number from `low` to `high`, both included; whole: a whole number."""

    def __init__(self, low: float, high: float, unit: str = "", whole: bool = True) -> None:
        self.low, self.high, self.unit, self.whole = low, high, unit, whole

    def at_most(self, limit: float) -> Number:
        """The same without numbers above `limit`."""
        other = copy(self)
        other.high = min(self.high, limit)
        return other

    @property
    def name(self) -> str:  # type: ignore[override]  # depends on the value
        return "int" if self.whole else "float"

    def expected(self) -> str:
        noun = "a whole number" if self.whole else "a number"
        return f"{noun} from {self.low:,} to {self.high:,} {self.unit}".rstrip()

    def convert(self, value: Any) -> Any:
        # bool and NumPy's bool_ pass for integers, and float() reads texts
        if isinstance(value, (bool, np.bool_, str, bytes)):
            raise TypeError
        number = operator.index(value) if self.whole else float(value)
        if not (math.isfinite(number) and self.low <= number <= self.high):
            raise ValueError
        return number

    def parse(self, text: str) -> Any:
        if self.whole:
            return int(text) if re.fullmatch(_WHOLE, text) else text
        return float(text) if re.fullmatch(_DECIMAL, text) else text

    def schema(self) -> dict[str, Any]:
        return {"type": "integer" if self.whole else "number", "minimum": self.low, "maximum": self.high}

    def argument(self, name: str) -> dict[str, Any]:
        # a word that is no number passes here: the setting's own check says more than argparse would
        return {"metavar": name.upper(), "type": lambda word: Number.parse(self, word)}


class NumberPair(Number):
    """A number from `low` to `high` for each of `parts`, such as "width" and "height"."""

    name = "pair"

    def __init__(self, low: float, high: float, unit: str = "", whole: bool = True, *, parts: tuple[str, ...]) -> None:
        super().__init__(low, high, unit, whole)
        self.parts = parts

    def expected(self) -> str:
        return f"{super().expected()} for each of {', '.join(self.parts)}"

    def convert(self, value: Any) -> Any:
        numbers = tuple([Number.convert(self, number) for number in items_of(value)])
        if len(numbers) != len(self.parts):
            raise ValueError
        return numbers

    def given(self, value: object) -> str:
        several = isinstance(value, (list, tuple)) and 0 < len(value) <= 2 * len(self.parts)
        return ", ".join(shown(part) for part in cast("list[object]", value)) if several else shown(value)

    def parse(self, text: str) -> Any:
        return [Number.parse(self, part.strip()) for part in text.split(",")]

    def schema(self) -> dict[str, Any]:
        count = len(self.parts)
        return {"type": "array", "items": super().schema(), "minItems": count, "maxItems": count}

    def argument(self, name: str) -> dict[str, Any]:
        words = tuple(part.upper() for part in self.parts)
        return super().argument(name) | {"nargs": len(words), "metavar": words}


class Shares(NumberPair):
    """Shares of a whole, one for each of `parts`, with the sum 1."""

    name = "ratio"

    def expected(self) -> str:
        return f"{super().expected()}, with the sum 1"

    def convert(self, value: Any) -> Any:
        shares = super().convert(value)
        if abs(sum(shares) - 1) > 1e-6:  # 0.1 + 0.2 + 0.7 is not quite 1
            raise ValueError
        return shares


class NumberRange(Number):
    """A number, exactly this, or a pair (low, high), uniform in between. It is kept as a pair."""

    name = "range"

    def expected(self) -> str:
        return f"{super().expected()}, or a pair (low, high)"

    def convert(self, value: Any) -> Any:
        low, high = value if isinstance(value, (tuple, list)) else (value, value)
        low, high = super().convert(low), super().convert(high)
        if low > high:
            raise ValueError
        return low, high

    def parse(self, text: str) -> Any:
        numbers = [Number.parse(self, part) for part in text.split("..")]
        if any(isinstance(number, str) for number in numbers):
            return text
        return numbers[0] if len(numbers) == 1 else tuple(numbers)


class PartOf(Text):
    """Part I of N parts, counted from 1, of at most `most`. It is kept as the text "I/N"; a pair is taken, too."""

    name = "part"

    def __init__(self, most: int) -> None:
        self.most = most

    def expected(self) -> str:
        return f"I/N, part I of N with 1 <= I <= N <= {self.most:,}, such as 2/3"

    def convert(self, value: Any) -> str:
        words = value.split("/") if isinstance(value, str) else [str(number) for number in items_of(value)]
        number, parts = (int(word) for word in words if re.fullmatch(_WHOLE, word))
        if len(words) != 2 or not 1 <= number <= parts <= self.most:
            raise ValueError
        return f"{number}/{parts}"

    def hint(self, value: object) -> str:
        from_0 = isinstance(value, str) and value.startswith("0/")
        return "; parts are counted from 1: add 1 to an index that begins at 0" if from_0 else ""

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[0-9]+/[0-9]+$"}

    def argument(self, name: str) -> dict[str, Any]:
        return {"metavar": "I/N"}
