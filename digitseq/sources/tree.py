"""A set of texts as a small tree of alternatives, sequences and repetitions.

A tree is measured before anything is expanded: its size in memory does not depend on what it repeats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeGuard, Union

from digitseq.sources.regex_parser import PARSER

Texts = tuple[str, ...]  # one of them: a fixed text, or the characters of a set


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
    """`part`, low … high times; high UNBOUNDED: without limit."""

    part: Node
    low: int
    high: int


Node = Union[Texts, Series, Choice, Repeat]  # noqa: UP007  # an alias of forward references
EMPTY: Texts = ("",)
UNBOUNDED = int(PARSER.MAXREPEAT)


@dataclass(frozen=True)
class Size:
    """The size of an expanded tree: characters of its longest text, options of all choices with every repetition and
    text written out, and choices on the way to one text."""

    longest: int
    options: int
    steps: int


def measure(node: Node) -> Size:
    """The size of `node`, which has no unbounded repetition."""
    if isinstance(node, tuple):
        return Size(max(map(len, node)), len("".join(node)) or 1, 1)
    if isinstance(node, Repeat):
        part, high = measure(node.part), node.high
        counts = high - node.low + 1  # possible numbers of repetitions: a choice of its own if there are several
        return Size(part.longest * high, counts + part.options * high, (counts > 1) + part.steps * high)
    parts = [measure(part) for part in node.parts]
    options = sum(part.options for part in parts)
    if isinstance(node, Choice):
        steps = 1 + max(size.steps * (not is_fixed(part)) for part, size in zip(node.parts, parts))
        return Size(max(part.longest for part in parts), len(parts) + options, steps)
    return Size(sum(part.longest for part in parts), options, sum(part.steps for part in parts))


def is_fixed(node: Node) -> TypeGuard[Texts]:
    """Whether `node` is a single text, not a choice of several."""
    return isinstance(node, tuple) and len(node) == 1


def series(parts: Iterable[Node]) -> Node:
    """`parts` one after the other, with neighbouring fixed texts joined and empty ones left out."""
    found: list[Node] = []
    for part in parts:
        if found and is_fixed(found[-1]) and is_fixed(part):
            found[-1] = (found[-1][0] + part[0],)
        elif part != EMPTY:
            found.append(part)
    return EMPTY if not found else found[0] if len(found) == 1 else Series(tuple(found))


def choice(parts: Iterable[Node]) -> Node:
    """One of `parts`; empty if all of them are."""
    parts = tuple(parts)
    return Choice(parts) if any(part != EMPTY for part in parts) else EMPTY


def bounded(node: Node, extra: int) -> Node:
    """`node` with unbounded repetitions limited to `extra` more than their least number, and without those that are
    then never made."""

    def bound(repeat: Repeat) -> Node:
        high = repeat.low + extra if repeat.high == UNBOUNDED else repeat.high
        return EMPTY if repeat.part == EMPTY or high == 0 else replace(repeat, high=high)

    return _with_repeats(node, bound)


def merged(node: Node) -> Node:
    """`node` with one unbounded repetition instead of two nested ones that stand for the same texts.

    For example `(?:a*){,1000}` and `(?:a{,1000})*` become `a*`. One turn of what remains is shorter.
    """

    def merge(repeat: Repeat) -> Node:
        part = repeat.part
        if isinstance(part, Repeat) and part.low <= 1 and UNBOUNDED in (part.high, repeat.high):
            return Repeat(part.part, part.low * repeat.low, UNBOUNDED)
        return repeat

    return _with_repeats(node, merge)


def _with_repeats(node: Node, change: Callable[[Repeat], Node]) -> Node:
    """`node` with each repetition replaced by what `change` returns for it, inner ones first."""
    if isinstance(node, tuple):
        return node
    if isinstance(node, Repeat):
        return change(replace(node, part=_with_repeats(node.part, change)))
    parts = (_with_repeats(part, change) for part in node.parts)
    return series(parts) if isinstance(node, Series) else choice(parts)
