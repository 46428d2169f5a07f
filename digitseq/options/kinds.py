"""Kinds of values: how each is checked, read from text, described, and given on the command line.

A new kind of setting is one class here: `config.py`, the command line, Python, REST and the page all ask the kind.
"""

from __future__ import annotations

import math
import operator
import os
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from digitseq.errors import SettingsError

# Stricter than int() and float(), which take "1_000", "nan", "inf" and digits of other scripts. The lengths are bounded
# as converting a text of n digits takes time n².
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}\Z")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,3})?\Z")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class Kind:
    """One kind of value.

    name: what `/v1/options` calls it; takes_list: a JSON list, whose items a query separates by commas
    """

    name: ClassVar[str]
    takes_list: ClassVar[bool] = False

    def expected(self) -> str:
        """What is allowed, in words: "a whole number from 1 to 15 pixels"."""
        raise NotImplementedError

    def convert(self, value: Any) -> Any:
        """`value` as plain Python. Raises `TypeError`, `ValueError` or `OverflowError` for what is not allowed."""
        raise NotImplementedError

    def parse(self, text: str) -> Any:
        """The value that `text` stands for, in a query or after an operation's name; `convert` checks it.

        What stands for nothing is returned as it is, so that the error shows what was written.
        """
        return text

    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value."""
        raise NotImplementedError

    def argument(self, name: str) -> dict[str, Any]:
        """The arguments of argparse's `add_argument`, beside flags and help."""
        return {"metavar": name.upper()}


@dataclass(frozen=True)
class Flag(Kind):
    """True or False."""

    name = "bool"

    def expected(self) -> str:
        return "True or False"

    def convert(self, value: Any) -> bool:
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError
        return bool(value)

    def parse(self, text: str) -> Any:
        return _BOOLEANS.get(text.lower(), text)

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def argument(self, name: str) -> dict[str, Any]:
        return {"action": "store_true"}


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
        first, second = _items(value)
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
        shares = tuple(self._share.convert(share) for share in _items(value))
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


@dataclass(frozen=True)
class Text(Kind):
    """Any text."""

    name = "str"

    def expected(self) -> str:
        return "a text"

    def convert(self, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class FilePath(Text):
    """A path on this machine; `~` is the home directory. empty: whether there may be none, written as ""."""

    empty: bool = False
    name = "path"

    def expected(self) -> str:
        return "a path"

    def convert(self, value: Any) -> str:
        text = super().convert(os.fspath(value) if isinstance(value, os.PathLike) else value)
        if (not text and not self.empty) or "\0" in os.fsdecode(os.fsencode(text)):  # what no path can hold
            raise ValueError
        return expanded(text)


@dataclass(frozen=True)
class Choice(Text):
    """One of some words."""

    choices: Sequence[str]
    name = "choice"

    def expected(self) -> str:
        return "one of " + ", ".join(self.choices)

    def convert(self, value: Any) -> str:
        text = super().convert(value)
        if text not in self.choices:
            raise ValueError
        return text

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.choices)}

    def argument(self, name: str) -> dict[str, Any]:
        return {"metavar": "{" + ",".join(self.choices) + "}"}


@dataclass(frozen=True)
class Choices(Choice):
    """One or more of some words, all different; several in one text are separated by commas or spaces."""

    name = "words"
    takes_list = True

    def expected(self) -> str:
        return "one or more of " + ", ".join(self.choices)

    def convert(self, value: Any) -> Any:
        words = tuple((value if isinstance(value, str) else " ".join(_items(value))).replace(",", " ").split())
        if not words or len(set(words)) < len(words) or not all(word in self.choices for word in words):
            raise ValueError
        return words

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": super().schema()}

    def argument(self, name: str) -> dict[str, Any]:
        return super().argument(name) | {"nargs": "+"}


def _items(value: Any) -> Any:
    """`value`, or `TypeError` for what has items, but in no order or under keys."""
    if isinstance(value, (Mapping, Set)):
        raise TypeError
    return value


def expanded(path: str, name: str | None = None) -> str:
    """`path` with the home directory for a `~` at its beginning, as shells write it.

    name: the setting, for the error. Raises `SettingsError` where no such home directory is known.
    """
    if not path.startswith("~"):
        return path
    try:
        return str(Path(path).expanduser())
    except RuntimeError:
        who = Path(path).parts[0]
        raise SettingsError(
            f"{f'{name} ' if name else ''}{shown(path)}: the home directory {who} is not known; write the whole path, "
            f"or ./{who} for a directory of that name",
            name,
        ) from None


def shown(value: object, longest: int = 60) -> str:
    """What a message says was given: `value` as Python writes it, cut off where that is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # numbers of more than 4,300 digits are not written; nor is what is too deep
        return f"a value of the type {type(value).__name__} that is too long to show"
    return text if len(text) <= longest else text[: longest - 3] + "..."
