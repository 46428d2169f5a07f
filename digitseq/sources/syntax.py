"""Regular expressions as trees.

Python's own parser reads them, so that they mean what `re` says. What texts cannot be drawn from is refused, and so is
what would be too large, before anything is expanded.
"""

from __future__ import annotations

import bisect
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from digitseq.errors import SettingsError, closest, printable
from digitseq.options import MAX_TEXT
from digitseq.sources.base import named
from digitseq.sources.regex_parser import PARSER, effort
from digitseq.sources.tree import EMPTY, UNBOUNDED, Node, Repeat, bounded, choice, is_fixed, measure, merged, series

SETTING = "pattern"
MAX_REGEX = 10_000  # characters
MAX_DEPTH = 100  # groups, branches and repetitions inside each other
MAX_OPTIONS = 100_000  # of all choices, when every repetition is written out; characters of all sets
MAX_STEPS = 2_000  # choices on the way to one text
# the character classes of grep, which `re` reads as sets of the letters of their names
POSIX = {"digit": "0-9", "upper": "A-Z", "lower": "a-z", "alpha": "A-Za-z", "alnum": "0-9A-Za-z", "space": r"\s"}
MAX_EFFORT = 100_000  # steps that `re` may take to match one text


@dataclass(frozen=True)
class Syntax:
    """A regular expression that has been read.

    root: the tree, with all unbounded repetitions limited alike, so that no text gets too long
    exact: the tree stands for exactly the strings that match; otherwise also for some that a lookaround or an anchor
    rules out
    bounded: no repetition was unbounded
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
    if (posix := re.search(r"\[\^?\[:(\w{1,20}):\]", regex)) and (name := closest(posix[1], POSIX)):
        raise _refused(regex, f"has [:{posix[1]}:], a class that is not known here: write {POSIX[name]} for [:{name}:]")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled, parsed = re.compile(regex), PARSER.parse(regex)
    except (re.error, RecursionError, OverflowError) as error:
        raise _refused(regex, f"is not a regular expression: {error}") from None
    if compiled.flags & ~(re.UNICODE | re.VERBOSE | re.DOTALL):
        raise _unsupported(regex, "inline flags")
    reader = _Reader(regex, alphabet)
    root = reader.read(parsed, True, True)
    extra = _extra(root, longest)
    if extra < 1 and not reader.bounded:
        # nested repetitions may leave no room for a turn (merging others as well would change their texts)
        root = merged(root)
        extra = _extra(root, longest)
    drawn = bounded(root, max(extra, 0))
    _check_size(regex, drawn, longest)
    if not reader.exact and effort(parsed, longest)[1] > MAX_EFFORT:
        raise _refused(
            regex,
            "may not look around, or have anchors inside, beside repetitions that take too long to match: write it "
            "without the one or the other",
        )
    if drawn == EMPTY != root:  # not even one turn is possible: say how long that would be
        _check_size(regex, bounded(root, extra + 1), longest)
    return Syntax(drawn, reader.exact, reader.bounded)


def _extra(root: Node, longest: int) -> int:
    """How often unbounded repetitions can be made beyond their least number; -1: not even that."""
    return bisect.bisect_right(range(longest + 1), longest, key=lambda more: measure(bounded(root, more)).longest) - 1


def _check_size(regex: str, root: Node, longest: int) -> None:
    size = measure(root)
    for number, most, what in (
        (size.longest, longest, "texts of {} characters"),
        (size.options, MAX_OPTIONS, "{} options in all choices, when written out"),
        (size.steps, MAX_STEPS, "{} choices on the way to one text"),
    ):
        if number > most:
            shown = f"{number:,}" if number < 10**12 else "more than 10¹²"
            raise _refused(regex, f"has {what.format(shown)}, at most {most:,} are possible")


def _refused(regex: str, why: str) -> SettingsError:
    return SettingsError(f"{written(regex)} {why}", SETTING)


def written(regex: str) -> str:
    """`regex` in quotes for a message, cut off where it is long; `repr` would double its backslashes."""
    return f"'{printable(regex[:80])}'"


def _unsupported(regex: str, what: str) -> SettingsError:
    return _refused(regex, f"has {what}, which texts cannot be drawn from: write it without")


class _Reader:
    """Turns the parser's output into a tree. `first`, `last`: nothing can come before, after the item."""

    def __init__(self, regex: str, alphabet: str) -> None:
        self.regex, self.alphabet = regex, alphabet
        self.exact = self.bounded = True
        self.depth = self.in_sets = 0  # open groups; characters of all sets so far

    def read(self, items: Sequence[Any], first: bool, last: bool) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _refused(self.regex, "is nested too deep: take fewer groups inside each other")
        end = len(items) - 1
        parts = [
            self._item(str(code), value, first and place == 0, last and place == end)
            for place, (code, value) in enumerate(items)
        ]
        self.depth -= 1
        return series(parts)

    def _item(self, code: str, value: Any, first: bool, last: bool) -> Node:
        if code == "ANY":
            return self._set(set(self.alphabet))
        if code == "LITERAL":
            return self._set({chr(value)})
        if code == "NOT_LITERAL":
            return self._set(set(self.alphabet) - {chr(value)})
        if code == "IN":
            negated = str(value[0][0]) == "NEGATE"
            allowed = set().union(*(self._member(str(kind), member) for kind, member in value[negated:]))
            return self._set(set(self.alphabet) - allowed if negated else allowed)
        if code == "BRANCH":
            return choice([self.read(part, first, last) for part in value[1]])
        if code == "SUBPATTERN":
            if value[1] or value[2]:
                raise _unsupported(self.regex, "inline flags")
            return self.read(value[3], first, last)
        if code in ("MAX_REPEAT", "MIN_REPEAT"):
            return self._repeat(*value)
        if code in ("AT", "ASSERT", "ASSERT_NOT"):
            # an anchor at the edge of the expression says nothing, as all of a text must match
            at_edge = code == "AT" and ((first and "BEGINNING" in str(value)) or (last and "END" in str(value)))
            self.exact = self.exact and at_edge
            return EMPTY
        names = {"GROUPREF": "a back reference", "GROUPREF_EXISTS": "a condition"}
        raise _unsupported(self.regex, names.get(code, "an atomic group or a possessive repetition"))

    def _repeat(self, low: Any, high: Any, items: Sequence[Any]) -> Node:
        part = self.read(items, False, False)
        if part == EMPTY or high == 0:
            return EMPTY
        self.bounded = self.bounded and high != UNBOUNDED
        if is_fixed(part) and low == high and len(part[0]) * int(high) <= MAX_TEXT:
            return (part[0] * int(high),)
        return Repeat(part, int(low), int(high))

    def _member(self, kind: str, member: Any) -> set[str]:
        """The characters that a member of a set stands for."""
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
            raise _refused(self.regex, f"has more than {MAX_OPTIONS:,} characters in its sets: name fewer")

    def _set(self, allowed: set[str]) -> Node:
        if not allowed:
            raise _refused(self.regex, f"has a set that none of the characters {self.alphabet!r:.80} is in")
        self._count(len(allowed))
        strange = next((c for c in sorted(allowed) if not c.isprintable()), None)
        if strange is not None:
            raise _refused(self.regex, f"has {named(strange)}, which cannot be written")
        return tuple(sorted(allowed))


_CATEGORIES: dict[str, Callable[[str], bool]] = {
    "DIGIT": str.isdecimal,
    "SPACE": str.isspace,
    "WORD": lambda c: c.isalnum() or c == "_",
}
