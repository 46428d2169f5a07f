"""Regular expressions as a small tree: texts, sets of characters, sequences, choices and repetitions.

Python's own parser reads them, so that they mean what `re` says; what cannot be drawn from is refused. The tree is
measured before anything is expanded: its size in memory is that of the expression, whatever it repeats.
"""

from __future__ import annotations

import bisect
import importlib
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Union

from digitseq.errors import SettingsError
from digitseq.options import MAX_TEXT

SETTING = "pattern"
MAX_REGEX = 10_000  # characters
MAX_DEPTH = 100  # groups, branches and repetitions inside each other
MAX_OPTIONS = 100_000  # of all choices, when every repetition is written out; characters of all sets
MAX_STEPS = 2_000  # choices on the way to one text
MAX_EFFORT = 100_000  # steps that `re` may take to match one text


@dataclass(frozen=True)
class Text:
    """These characters."""

    text: str


@dataclass(frozen=True)
class Chars:
    """One character out of `allowed`, which is sorted and has two or more."""

    allowed: str


@dataclass(frozen=True)
class Series:
    """All of `parts`, one after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Choice:
    """One of `parts`."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Repeat:
    """`part`, low … high times; high None: without bound."""

    part: Node
    low: int
    high: int | None


Node = Union[Text, Chars, Series, Choice, Repeat]  # noqa: UP007  # an alias of forward references
EMPTY = Text("")


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


@dataclass(frozen=True)
class Size:
    """What a tree comes to when it is expanded: characters of its longest text, options of all choices with every
    repetition written out, and choices on the way to one text."""

    longest: int
    options: int
    steps: int


def measure(node: Node, extra: int = 0) -> Size:
    """The size of `node`. extra: how often an unbounded repetition is made beyond its least number."""
    if isinstance(node, Text):
        return Size(len(node.text), 1, 1)
    if isinstance(node, Chars):
        return Size(1, len(node.allowed), 1)
    if isinstance(node, Repeat):
        part, high = measure(node.part, extra), _high(node, extra)
        counts = high - node.low + 1
        return Size(part.longest * high, counts + part.options * high, (counts > 1) + part.steps * high)
    parts = [measure(part, extra) for part in node.parts]
    options = sum(part.options for part in parts)
    if isinstance(node, Choice):
        return Size(max(p.longest for p in parts), len(parts) + options, 1 + max(p.steps for p in parts))
    return Size(sum(part.longest for part in parts), options, sum(part.steps for part in parts))


def characters(node: Node) -> frozenset[str]:
    """Every character that the strings of `node` can have."""
    if isinstance(node, (Text, Chars)):
        return frozenset(node.text if isinstance(node, Text) else node.allowed)
    if isinstance(node, Repeat):
        return characters(node.part)
    return frozenset().union(*map(characters, node.parts))


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
            compiled, parsed = re.compile(regex), _parser().parse(regex)
    except (re.error, RecursionError, OverflowError) as error:
        raise SettingsError(f"{regex!r:.80} is not a regular expression: {error}", SETTING) from None
    if compiled.flags & ~(re.UNICODE | re.VERBOSE | re.DOTALL):
        raise _unsupported(regex, "inline flags")
    reader = _Reader(regex, alphabet)
    root = reader.series(parsed, True, True)
    extra = bisect.bisect_right(range(longest + 1), longest, key=lambda more: measure(root, more).longest) - 1
    _check_size(regex, measure(root, max(extra, 0)), longest)
    if not reader.exact and _effort(parsed, longest)[1] > MAX_EFFORT:
        raise SettingsError(
            f"{regex!r:.80} looks around, or has anchors inside, beside repetitions that take too long to match: "
            "write it without the one or the other",
            SETTING,
        )
    return Syntax(_bounded(root, extra), reader.exact, reader.bounded)


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


def _high(node: Repeat, extra: int) -> int:
    return node.low + extra if node.high is None else node.high


def _bounded(node: Node, extra: int) -> Node:
    if isinstance(node, (Text, Chars)):
        return node
    if isinstance(node, Repeat):
        return replace(node, part=_bounded(node.part, extra), high=_high(node, extra))
    return replace(node, parts=tuple(_bounded(part, extra) for part in node.parts))


def _parser() -> Any:
    """The parser behind `re`, which has moved in Python 3.11."""
    try:
        return importlib.import_module("re._parser")
    except ImportError:
        return importlib.import_module("sre_parse")


def _unsupported(regex: str, what: str) -> SettingsError:
    return SettingsError(f"{regex!r:.80} has {what}, which texts cannot be drawn from: write it without", SETTING)


def _effort(items: Sequence[Any], longest: int) -> tuple[float, float]:
    """At most in how many ways `re` can match the parser's `items`, and how many steps it takes to try them all."""
    ways, steps = 1.0, 1.0
    for code, value in items:
        name, inner, own = str(code), (1.0, 1.0), 1.0
        if name == "BRANCH":
            parts = [_effort(part, longest) for part in value[1]]
            inner = (sum(part[0] for part in parts), sum(part[1] for part in parts))
        elif name in ("SUBPATTERN", "ASSERT", "ASSERT_NOT"):
            own, effort = _effort(value[-1], longest)
            # what is looked at is matched once: no further way of it is tried
            inner = (own if name == "SUBPATTERN" else 1.0, effort)
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            own, effort = _effort(value[2], longest)
            turns = [min(own, 1e9) ** min(turn, 30) for turn in range(min(int(value[1]), longest + 1) + 1)]
            inner = (sum(turns[min(int(value[0]), longest) :]), effort * sum(turns))
        steps += ways * inner[1]
        ways = min(ways * inner[0], 1e30)
    return ways, min(steps, 1e30)  # so that nothing overflows


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
        return _joined(parts)

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
        if high == _parser().MAXREPEAT:
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


def _joined(parts: Sequence[Node]) -> Node:
    """`parts` one after the other, with texts beside each other as one, and no empty ones."""
    joined: list[Node] = []
    for part in parts:
        if joined and isinstance(part, Text) and isinstance(joined[-1], Text):
            joined[-1] = Text(joined[-1].text + part.text)
        elif part != EMPTY:
            joined.append(part)
    return EMPTY if not joined else joined[0] if len(joined) == 1 else Series(tuple(joined))


_CATEGORIES: dict[str, Callable[[str], bool]] = {
    "DIGIT": str.isdecimal,
    "SPACE": str.isspace,
    "WORD": lambda c: c.isalnum() or c == "_",
}
