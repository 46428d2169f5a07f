"""Regular expressions as a small tree: characters, sequences, choices and repetitions.

Python's own parser reads them, so that they mean what `re` says; what cannot be drawn from is refused.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Union

from digitseq.errors import SettingsError

SETTING = "pattern"
# X{2,}: how often at most is said later, by `capped`
UNBOUNDED = None


@dataclass(frozen=True)
class Chars:
    """One character out of `allowed`, which is sorted."""

    allowed: str

    @property
    def longest(self) -> int:
        return 1


@dataclass(frozen=True)
class Series:
    """All of `parts`, one after the other."""

    parts: tuple[Node, ...]

    @cached_property
    def longest(self) -> int:
        return sum(part.longest for part in self.parts)


@dataclass(frozen=True)
class Choice:
    """One of `parts`."""

    parts: tuple[Node, ...]

    @cached_property
    def longest(self) -> int:
        return max(part.longest for part in self.parts)


@dataclass(frozen=True)
class Repeat:
    """`part`, low … high times; high None: without bound."""

    part: Node
    low: int
    high: int | None

    @cached_property
    def longest(self) -> int:
        return self.part.longest * (self.low if self.high is None else self.high)


Node = Union[Chars, Series, Choice, Repeat]  # noqa: UP007  # an alias of forward references
EMPTY = Series(())


@dataclass(frozen=True)
class Syntax:
    """A regular expression that has been read.

    exact: the tree stands for all and only the strings that match; otherwise it also stands for some that
    a lookaround or an anchor forbids.
    """

    root: Node
    exact: bool

    def capped(self, longest: int) -> Node:
        """The tree with all unbounded repetitions bounded alike, as far as no text exceeds `longest`."""
        extra = longest
        while extra and _cap(self.root, extra).longest > longest:
            extra -= 1
        return _cap(self.root, extra)


def _cap(node: Node, extra: int) -> Node:
    if isinstance(node, Chars):
        return node
    if isinstance(node, Repeat):
        high = node.low + extra if node.high is None else node.high
        return replace(node, part=_cap(node.part, extra), high=high)
    return replace(node, parts=tuple(_cap(part, extra) for part in node.parts))


def characters(node: Node) -> frozenset[str]:
    """Every character that the strings of `node` can have."""
    if isinstance(node, Chars):
        return frozenset(node.allowed)
    if isinstance(node, Repeat):
        return characters(node.part) if node.high != 0 else frozenset()
    return frozenset().union(*(characters(part) for part in node.parts))


def bounded(node: Node) -> bool:
    """Whether the strings of `node` have a greatest length."""
    if isinstance(node, Chars):
        return True
    if isinstance(node, Repeat):
        return node.high is not None and bounded(node.part)
    return all(bounded(part) for part in node.parts)


def read_regex(regex: str, alphabet: str) -> Syntax:
    """The tree of `regex`. `.`, `\\d`, `\\w`, `\\s` and negated sets stand for characters of `alphabet`.

    Raises `SettingsError` for what is not a regular expression, or has back references, inline flags, atomic
    groups or possessive repetitions, or characters that cannot be printed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled, parsed = re.compile(regex), _parser().parse(regex)
    except (re.error, RecursionError, OverflowError) as error:
        raise SettingsError(f"{regex!r:.80} is not a regular expression: {error}", SETTING) from None
    if compiled.flags & ~(re.UNICODE | re.VERBOSE | re.DOTALL):
        raise _unsupported(regex, "inline flags")
    reader = _Reader(regex, alphabet)
    return Syntax(reader.series(parsed, True, True), reader.exact)


def _parser() -> Any:
    """The parser behind `re`, which has moved in Python 3.11."""
    try:
        return importlib.import_module("re._parser")
    except ImportError:
        return importlib.import_module("sre_parse")


def _unsupported(regex: str, what: str) -> SettingsError:
    return SettingsError(f"{regex!r:.80} has {what}, which texts cannot be drawn from: write it without", SETTING)


class _Reader:
    """Turns the parser's output into a tree. `first`, `last`: nothing can stand before, behind the item."""

    def __init__(self, regex: str, alphabet: str) -> None:
        self.regex, self.alphabet, self.exact = regex, alphabet, True

    def series(self, items: Sequence[Any], first: bool, last: bool) -> Node:
        parts = []
        for place, (code, value) in enumerate(items):
            head, tail = first and place == 0, last and place == len(items) - 1
            parts.append(self._item(str(code), value, head, tail))
        return parts[0] if len(parts) == 1 else Series(tuple(parts))

    def _item(self, code: str, value: Any, first: bool, last: bool) -> Node:
        if code in ("LITERAL", "NOT_LITERAL", "IN", "ANY"):
            return self._chars(code, value)
        if code == "BRANCH":
            return Choice(tuple(self.series(part, first, last) for part in value[1]))
        if code == "SUBPATTERN":
            if value[1] or value[2]:
                raise _unsupported(self.regex, "inline flags")
            return self.series(value[3], first, last)
        if code in ("MAX_REPEAT", "MIN_REPEAT"):
            low, high, part = value
            unbounded = high == _parser().MAXREPEAT
            return Repeat(self.series(part, False, False), int(low), UNBOUNDED if unbounded else int(high))
        if code == "AT":
            at_edge = (first and "BEGINNING" in str(value)) or (last and "END" in str(value))
            self.exact = self.exact and at_edge
            return EMPTY
        if code in ("ASSERT", "ASSERT_NOT"):
            self.exact = False
            return EMPTY
        names = {"GROUPREF": "a back reference", "GROUPREF_EXISTS": "a condition"}
        raise _unsupported(self.regex, names.get(code, "an atomic group or a possessive repetition"))

    def _chars(self, code: str, value: Any) -> Chars:
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
            return {chr(code) for code in range(member[0], member[1] + 1)}
        name = str(member).removeprefix("CATEGORY_")
        test = _CATEGORIES[name.removeprefix("NOT_")]
        return {c for c in self.alphabet if test(c) != name.startswith("NOT_")}

    def _nonempty(self, allowed: set[str]) -> Chars:
        if not allowed:
            raise SettingsError(
                f"{self.regex!r:.80} has a set that none of the characters {self.alphabet!r:.80} is in", SETTING
            )
        strange = sorted(c for c in allowed if not c.isprintable())
        if strange:
            raise SettingsError(
                f"{self.regex!r:.80} has {strange[0]!r} (U+{ord(strange[0]):04X}), which cannot be written", SETTING
            )
        return Chars("".join(sorted(allowed)))


_CATEGORIES: dict[str, Callable[[str], bool]] = {
    "DIGIT": str.isdecimal,
    "SPACE": str.isspace,
    "WORD": lambda c: c.isalnum() or c == "_",
}
