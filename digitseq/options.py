"""What an option is: the kinds of values, what is allowed, and how a value is checked."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, cast

from digitseq.errors import SettingsError

Kind = Literal["int", "float", "bool", "str", "path", "choice", "words", "pair", "ratio", "augment"]

MAX_WIDTH = 65_535
MAX_TEXT = 255  # a folder is named after the number, and file systems stop at 255 bytes
PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Option:
    """What is known of one setting beside its type: enough to parse, check and document it.

    pair: what the two numbers of a pair are. bare: what the flag stands for on the command line without a value.
    convert: checks a value of a kind of its own, and makes it plain Python.
    """

    kind: Kind
    help: str
    group: str
    flags: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    shown_default: str | None = None
    optional: bool = False
    pair: str = ""
    bare: str | None = None
    metavar: str | tuple[str, ...] | None = None
    convert: Callable[[Any], Any] | None = None

    def expected(self) -> str:
        """What is allowed, in words: "a whole number from 1 to 15 pixels"."""
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices)
        if self.kind == "words":
            return "one or more of " + ", ".join(self.choices)
        if self.kind == "ratio":
            return "three numbers from 0 to 1 with the sum 1 (train, val, test)"
        noun = {
            "int": "a whole number",
            "float": "a number",
            "bool": "True or False",
            "path": "a path",
            "pair": f"two whole numbers, {self.pair}, each",
        }.get(self.kind, "text")
        bounds = "" if self.low is None else f" from {self.low:,} to {self.high:,}"
        return noun + bounds + (f" {self.unit}" if self.unit else "")

    def clean(self, name: str, value: object) -> Any:
        """`value` as plain Python, or `SettingsError` with what was given and what is allowed."""
        if value is None and self.optional:
            return None
        try:
            return expanded(self._text(value), name) if self.kind == "path" else self._convert(value)
        except SettingsError:
            raise
        except (TypeError, ValueError, OverflowError):
            raise SettingsError(f"{name} must be {self.expected()}, got {shown(value)}", name) from None

    def _convert(self, value: Any) -> Any:
        if self.kind == "bool":
            if not isinstance(value, bool):
                raise TypeError
            return value
        if self.kind in ("str", "choice"):
            return self._text(value)
        if self.convert is not None:
            return self.convert(value)
        if self.kind == "words":
            return self._words(value)
        if self.kind == "ratio":
            return self._ratio(value)
        if self.kind == "pair":
            first, second = value
            return (self._number(first, operator.index), self._number(second, operator.index))
        return self._number(value, operator.index if self.kind == "int" else float)

    def _text(self, value: Any) -> str:
        text = os.fspath(value) if self.kind == "path" and isinstance(value, os.PathLike) else value
        if not isinstance(text, str) or (self.choices and text not in self.choices):
            raise TypeError
        if self.kind == "path" and (not text or "\0" in os.fsdecode(os.fsencode(text))):  # or what no path can hold
            raise ValueError
        return text

    def _words(self, value: Any) -> tuple[str, ...]:
        words = tuple((value if isinstance(value, str) else " ".join(value)).replace(",", " ").split())
        if not words or len(set(words)) < len(words) or not all(word in self.choices for word in words):
            raise ValueError
        return words

    def _ratio(self, value: Any) -> tuple[float, ...]:
        shares = tuple(self._number(share, float) for share in value)
        if len(shares) != len(PARTS) or abs(sum(shares) - 1) > 1e-6:
            raise ValueError
        return shares

    def _number(self, value: Any, convert: Any) -> Any:
        if isinstance(value, (bool, str)):
            raise TypeError
        number = convert(value)
        inside = self.low is None or self.high is None or self.low <= number <= self.high
        if not (math.isfinite(number) and inside):
            raise ValueError
        return number


def expanded(path: str, name: str) -> str:
    """`path` with the home directory for a `~` at its beginning, as shells give it. `name`: the setting's.

    Raises `SettingsError` where no such home directory is known.
    """
    if not path.startswith("~"):
        return path
    try:
        return str(Path(path).expanduser())
    except RuntimeError:
        who = Path(path).parts[0]
        raise SettingsError(
            f"{name} {shown(path)}: the home directory {who} is not known; write the whole path, or ./{who} for a "
            "directory of that name",
            name,
        ) from None


def shown(value: object, longest: int = 60) -> str:
    """What a message says was given: `value` as Python writes it, cut off where that is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # numbers of more than 4,300 digits are not written; nor is what is too deep
        return f"a value of the type {type(value).__name__} that is too long to show"
    return text if len(text) <= longest else text[: longest - 3] + "..."


def setting(default: object, kind: Kind, help: str, group: str, *flags: str, **extra: Any) -> Any:
    """A field of a settings dataclass, with what is known of it."""
    return field(default=default, metadata={"option": Option(kind, help, group, flags, **extra)})


def options(cls: type) -> dict[str, Option]:
    """The settings of such a dataclass by name, in the order in which they are written."""
    return {f.name: f.metadata["option"] for f in fields(cls)}


def clean_fields(obj: Any) -> None:
    """Check every field of `obj`, and make it plain Python. Raises `SettingsError`."""
    values, kind = vars(obj).copy(), cast("Hashable", type(obj))
    for name, default, option in _checked(kind):
        value = values[name]
        if value is not default:
            object.__setattr__(obj, name, option.clean(name, value))


@lru_cache(maxsize=8)
def _checked(cls: Hashable) -> list[tuple[str, object, Option]]:
    return [(f.name, f.default, f.metadata["option"]) for f in fields(cls)]  # type: ignore[arg-type]  # a dataclass it is
