"""Kinds of values: how each is checked, read from text, described, and given on the command line.

A new kind of setting is one class here: `config.py`, the command line, Python, REST and the page all ask the kind.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from digitseq.errors import SettingsError, closest

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class Kind(Protocol):
    """One kind of value.

    name: what `/v1/options` calls it; repeats: a query gives several values by naming the setting several times
    """

    name: ClassVar[str]
    repeats: ClassVar[bool] = False

    def expected(self) -> str:
        """What is allowed, in words: "a whole number from 1 to 15 pixels"."""

    def convert(self, value: Any) -> Any:
        """`value` as plain Python. Raises `TypeError`, `ValueError` or `OverflowError` for what is not allowed."""

    def parse(self, text: str) -> Any:
        """The value that `text` stands for, in a query or after an operation's name; `convert` checks it.

        What stands for nothing is returned as it is, so that the error shows what was written.
        """
        return text

    def given(self, value: object) -> str:
        """What the message that refuses `value` says was given."""
        return shown(value)

    def hint(self, value: object) -> str:
        """The end of the message that refuses `value`: "; did you mean ...?", or nothing."""
        return ""

    def words(self, value: Any) -> list[str]:
        """The words that stand for `value` on the command line."""
        return [str(part) for part in value] if isinstance(value, (list, tuple)) else [str(value)]

    def schema(self) -> dict[str, Any]:
        """The JSON schema of a value."""

    def argument(self, name: str) -> dict[str, Any]:
        """The arguments of argparse's `add_argument`, beside flags and help."""
        return {"metavar": name.upper()}


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


class Code(Text):
    """A text in capitals; those that are given in small letters are the same."""

    def convert(self, value: Any) -> str:
        return super().convert(value).upper()


class FilePath(Text):
    """A path on this machine; `~` is the home directory. empty: whether there may be none, written as ""."""

    name = "path"

    def __init__(self, empty: bool = False) -> None:
        self.empty = empty

    def expected(self) -> str:
        return "a path"

    def convert(self, value: Any) -> str:
        text = super().convert(os.fspath(value) if isinstance(value, os.PathLike) else value)
        if (not text and not self.empty) or "\0" in os.fsdecode(os.fsencode(text)):  # what no path can hold
            raise ValueError
        return expanded(text)


class Choice(Text):
    """One of some words."""

    name = "choice"

    def __init__(self, choices: Sequence[str]) -> None:
        self.choices = choices

    def expected(self) -> str:
        return "one of " + ", ".join(self.choices)

    def convert(self, value: Any) -> str:
        text = super().convert(value)
        if text not in self.choices:
            raise ValueError
        return text

    def hint(self, value: object) -> str:
        words = value.replace(",", " ").split() if isinstance(value, str) else value
        for word in words if isinstance(words, (list, tuple)) else ():
            if isinstance(word, str) and word not in self.choices and (near := closest(word, self.choices)):
                return f"; did you mean {near}?"
        return ""

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.choices)}

    def argument(self, name: str) -> dict[str, Any]:
        return {"metavar": "{" + ",".join(self.choices) + "}"}


class Choices(Choice):
    """One or more of some words, all different; several in one text are separated by commas or spaces."""

    name = "words"

    def expected(self) -> str:
        return "one or more of " + ", ".join(self.choices)

    def convert(self, value: Any) -> Any:
        words = tuple((value if isinstance(value, str) else " ".join(items_of(value))).replace(",", " ").split())
        if not words or len(set(words)) < len(words) or not all(word in self.choices for word in words):
            raise ValueError
        return words

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": super().schema()}

    def argument(self, name: str) -> dict[str, Any]:
        return {"metavar": "NAME", "nargs": "+"}


class Texts(Kind):
    """At most `most` texts of 1 to `longest` printable characters, in order, without spaces around them."""

    name = "texts"
    repeats = True

    def __init__(self, most: int, longest: int) -> None:
        self.most, self.longest = most, longest

    def expected(self) -> str:
        return f"a list of 1 to {self.most:,} texts of 1 to {self.longest} characters"

    def convert(self, value: Any) -> tuple[str, ...]:
        if isinstance(value, (str, bytes)):
            raise TypeError
        texts = tuple([self._text(item, number) for number, item in enumerate(items_of(value), 1)])
        if not 1 <= len(texts) <= self.most:
            raise SettingsError(f"may have 1 to {self.most:,} texts, got {len(texts):,}")
        return texts

    def _text(self, item: Any, number: int) -> str:
        """`item` as it is written, for it is text `number`. Raises `SettingsError`."""
        if not isinstance(item, str):
            raise SettingsError(
                f'must be texts in quotes, such as "007": a number has no leading zeros, got {shown(item)} as text '
                f"{number:,}"
            )
        text = item.strip(" \t\r\n")  # as in files of numbers: no image can show them
        if not 1 <= len(text) <= self.longest:
            raise SettingsError(
                f"must be texts of 1 to {self.longest} characters, got {len(text):,} in text {number:,}"
            )
        if not text.isprintable():
            raise SettingsError(f"has control characters, which no glyph shows, in text {number:,}: {shown(text)}")
        return text

    def parse(self, text: str) -> list[str]:
        return [text]  # any character can be a part of a text, so none separates two

    def schema(self) -> dict[str, Any]:
        items = {"type": "string", "minLength": 1, "maxLength": self.longest}
        return {"type": "array", "items": items, "minItems": 1, "maxItems": self.most}

    def argument(self, name: str) -> dict[str, Any]:
        return {"metavar": "TEXT", "nargs": "+", "action": "extend"}


def items_of(value: Any) -> Any:
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
