"""Regular expressions as trees.

Python's own parser reads them, so that they mean what `re` says; what cannot be drawn from is refused, and so is what
would be too large: before anything is expanded.
"""

from __future__ import annotations

import bisect
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from digitseq.errors import SettingsError
from digitseq.options import MAX_TEXT
from digitseq.sources.regex_parser import effort, regex_parser
from digitseq.sources.tree import EMPTY, Chars, Choice, Node, Repeat, Size, Text, bounded, joined, measure, merged

SETTING = "pattern"
MAX_REGEX = 10_000  # characters
MAX_DEPTH = 100  # groups, branches and repetitions inside each other
MAX_OPTIONS = 100_000  # of all choices, when every repetition is written out; characters of all sets
MAX_STEPS = 2_000  # choices on the way to one text
MAX_EFFORT = 100_000  # steps that `re` may take to match one text


@dataclass(frozen=True)
class Syntax:
    """A regular expression that has been read.

    root: the tree, with all unbounded repetitions bounded alike, as far as no text gets too long
    exact: the tree stands for all and only the strings that match; otherwise it also stands for some that
    a lookaround or an anchor forbids. bounded: no repetition had to be bounded.
    """

    root: Node
    exact: bool
    bounded: bool


def read_regex(regex: str, alphabet: str, longest: int = MAX_TEXT) -> Syntax:
    """The tree of `regex`. `.`, `\\d`, `\\w`, `\\s` and negated sets stand for characters of `alphabet`.

    Raises `SettingsError` for what is not a regular expression, or has back references, inline flags, atomic
    groups or possessive repetitions, or characters that cannot be printed; for texts of more than `longest`
    characters, and for what would be too large to expand.
    """
    if len(regex) > MAX_REGEX:
        raise SettingsError(f"pattern may have at most {MAX_REGEX:,} characters, got {len(regex):,}", SETTING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled, parsed = re.compile(regex), regex_parser().parse(regex)
    except (re.error, RecursionError, OverflowError) as error:
        raise SettingsError(f"{regex!r:.80} is not a regular expression: {error}", SETTING) from None
    if compiled.flags & ~(re.UNICODE | re.VERBOSE | re.DOTALL):
        raise _unsupported(regex, "inline flags")
    reader = _Reader(regex, alphabet)
    root = reader.series(parsed, True, True)
    extra = _extra(root, longest)
    if extra < 1 and not reader.bounded:
        root = merged(root)
        extra = _extra(root, longest)
    _check_size(regex, measure(root, max(extra, 0)), longest)
    if not reader.exact and effort(parsed, longest)[1] > MAX_EFFORT:
        raise SettingsError(
            f"{regex!r:.80} may not look around, or have anchors inside, beside repetitions that take too long to "
            "match: write it without the one or the other",
            SETTING,
        )
    drawn = bounded(root, extra)
    if drawn == EMPTY != root:  # not even one turn is possible
        _check_size(regex, measure(root, extra + 1), longest)
    return Syntax(drawn, reader.exact, reader.bounded)


def _extra(root: Node, longest: int) -> int:
    """How often unbounded repetitions can be made beyond their least number; -1: not even that."""
    return bisect.bisect_right(range(longest + 1), longest, key=lambda more: measure(root, more).longest) - 1


def _check_size(regex: str, size: Size, longest: int) -> None:
    if size.longest > longest:
        raise SettingsError(
            f"{regex!r:.80} has texts of {_shown(size.longest)} characters, at most {longest} are possible", SETTING
        )
    if size.options > MAX_OPTIONS:
        raise SettingsError(
            f"{regex!r:.80} is too large: written out, its choices have {_shown(size.options)} options, at most "
            f"{MAX_OPTIONS:,} are possible",
            SETTING,
        )
    if size.steps > MAX_STEPS:
        raise SettingsError(
            f"{regex!r:.80} is too deep: {_shown(size.steps)} choices lead to one text, at most {MAX_STEPS:,} are "
            "possible",
            SETTING,
        )


def _shown(number: int) -> str:
    return f"{number:,}" if number < 10**12 else "more than 10¹²"


def _unsupported(regex: str, what: str) -> SettingsError:
    return SettingsError(f"{regex!r:.80} has {what}, which texts cannot be drawn from: write it without", SETTING)


class _Reader:
    """Turns the parser's output into a tree. `first`, `last`: nothing can stand before, behind the item."""

    def __init__(self, regex: str, alphabet: str) -> None:
        self.regex, self.alphabet = regex, alphabet
        self.exact = self.bounded = True
        self.depth = self.in_sets = 0

    def series(self, items: Sequence[Any], first: bool, last: bool) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise SettingsError(f"{self.regex!r:.80} is nested too deep: take fewer groups inside each other", SETTING)
        parts: list[Node] = []
        for place, (code, value) in enumerate(items):
            head, tail = first and place == 0, last and place == len(items) - 1
            parts.append(self._item(str(code), value, head, tail))
        self.depth -= 1
        return joined(parts)

    def _item(self, code: str, value: Any, first: bool, last: bool) -> Node:
        if code in ("LITERAL", "NOT_LITERAL", "IN", "ANY"):
            return self._chars(code, value)
        if code == "BRANCH":
            parts = tuple(self.series(part, first, last) for part in value[1])
            return Choice(parts) if any(part != EMPTY for part in parts) else EMPTY
        if code == "SUBPATTERN":
            if value[1] or value[2]:
                raise _unsupported(self.regex, "inline flags")
            return self.series(value[3], first, last)
        if code in ("MAX_REPEAT", "MIN_REPEAT"):
            return self._repeat(*value)
        if code == "AT":
            at_edge = (first and "BEGINNING" in str(value)) or (last and "END" in str(value))
            self.exact = self.exact and at_edge
            return EMPTY
        if code in ("ASSERT", "ASSERT_NOT"):
            self.exact = False
            return EMPTY
        names = {"GROUPREF": "a back reference", "GROUPREF_EXISTS": "a condition"}
        raise _unsupported(self.regex, names.get(code, "an atomic group or a possessive repetition"))

    def _repeat(self, low: Any, high: Any, items: Sequence[Any]) -> Node:
        part = self.series(items, False, False)
        if part == EMPTY or high == 0:
            return EMPTY
        if high == regex_parser().MAXREPEAT:
            self.bounded = False
            return Repeat(part, int(low), None)
        if isinstance(part, Text) and low == high and len(part.text) * int(high) <= MAX_TEXT:
            return Text(part.text * int(high))
        return Repeat(part, int(low), int(high))

    def _chars(self, code: str, value: Any) -> Node:
        if code == "ANY":
            return self._nonempty(set(self.alphabet))
        if code == "LITERAL":
            return self._nonempty({chr(value)})
        if code == "NOT_LITERAL":
            return self._nonempty(set(self.alphabet) - {chr(value)})
        negated = str(value[0][0]) == "NEGATE"
        allowed: set[str] = set()
        for kind, member in value[negated:]:
            allowed |= self._member(str(kind), member)
        return self._nonempty(set(self.alphabet) - allowed if negated else allowed)

    def _member(self, kind: str, member: Any) -> set[str]:
        if kind == "LITERAL":
            return {chr(member)}
        if kind == "RANGE":
            self._count(member[1] - member[0])
            return {chr(code) for code in range(member[0], member[1] + 1)}
        name = str(member).removeprefix("CATEGORY_")
        test = _CATEGORIES[name.removeprefix("NOT_")]
        return {c for c in self.alphabet if test(c) != name.startswith("NOT_")}

    def _count(self, more: int) -> None:
        self.in_sets += more
        if self.in_sets > MAX_OPTIONS:
            raise SettingsError(
                f"{self.regex!r:.80} has more than {MAX_OPTIONS:,} characters in its sets: name fewer", SETTING
            )

    def _nonempty(self, allowed: set[str]) -> Node:
        if not allowed:
            raise SettingsError(
                f"{self.regex!r:.80} has a set that none of the characters {self.alphabet!r:.80} is in", SETTING
            )
        self._count(len(allowed))
        strange = sorted(c for c in allowed if not c.isprintable())
        if strange:
            raise SettingsError(
                f"{self.regex!r:.80} has {strange[0]!r} (U+{ord(strange[0]):04X}), which cannot be written", SETTING
            )
        text = "".join(sorted(allowed))
        return Chars(text) if len(text) > 1 else Text(text)


_CATEGORIES: dict[str, Callable[[str], bool]] = {
    "DIGIT": str.isdecimal,
    "SPACE": str.isspace,
    "WORD": lambda c: c.isalnum() or c == "_",
}
