"""A set of texts as a small tree of alternatives, sequences and repetitions.

A tree is measured before anything is expanded: its size in memory does not depend on what it repeats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Union


@dataclass(frozen=True)
class Texts:
    """One of `texts`: a fixed text, or the characters of a set."""

    texts: tuple[str, ...]


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
    """`part`, low … high times; high None: unbounded."""

    part: Node
    low: int
    high: int | None

    def highest(self, extra: int) -> int:
        """The greatest number of repetitions if an unbounded one is limited to `extra` more than its least number."""
        return self.low + extra if self.high is None else self.high


Node = Union[Texts, Series, Choice, Repeat]  # noqa: UP007  # an alias of forward references
EMPTY = Texts(("",))


@dataclass(frozen=True)
class Size:
    """The size of an expanded tree: characters of its longest text, options of all choices with every repetition and
    text written out, and choices on the way to one text."""

    longest: int
    options: int
    steps: int


def measure(node: Node, extra: int = 0) -> Size:
    """The size of `node`, with unbounded repetitions limited to `extra` more than their least number."""
    if isinstance(node, Texts):
        return Size(max(map(len, node.texts)), len("".join(node.texts)) or 1, 1)
    if isinstance(node, Repeat):
        part, high = measure(node.part, extra), node.highest(extra)
        counts = high - node.low + 1  # possible numbers of repetitions: a choice of its own if there are several
        return Size(part.longest * high, counts + part.options * high, (counts > 1) + part.steps * high)
    parts = [measure(part, extra) for part in node.parts]
    options = sum(part.options for part in parts)
    if isinstance(node, Choice):
        steps = 1 + max(size.steps * (only_text(part) is None) for part, size in zip(node.parts, parts))
        return Size(max(part.longest for part in parts), len(parts) + options, steps)
    return Size(sum(part.longest for part in parts), options, sum(part.steps for part in parts))


def longest_text(node: Node) -> str:
    """One of the longest texts of `node`, which has no unbounded repetition."""
    if isinstance(node, Texts):
        return max(node.texts, key=len)
    if isinstance(node, Repeat):
        return longest_text(node.part) * node.highest(0)
    if isinstance(node, Choice):
        return longest_text(max(node.parts, key=lambda part: measure(part).longest))
    return "".join(map(longest_text, node.parts))


def only_text(node: Node) -> str | None:
    """The text of `node` if it is a single one, not a choice of several."""
    return node.texts[0] if isinstance(node, Texts) and len(node.texts) == 1 else None


def series(parts: Iterable[Node]) -> Node:
    """`parts` one after the other, with neighbouring fixed texts joined and empty ones left out."""
    found: list[Node] = []
    for part in parts:
        before, text = only_text(found[-1]) if found else None, only_text(part)
        if before is not None and text is not None:
            found[-1] = Texts((before + text,))
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
        high = repeat.highest(extra)
        return EMPTY if repeat.part == EMPTY or high == 0 else replace(repeat, high=high)

    return _with_repeats(node, bound)


def merged(node: Node) -> Node:
    """`node` with one unbounded repetition instead of two nested ones that stand for the same texts.

    For example `(?:a*){,1000}` and `(?:a{,1000})*` become `a*`. One turn of what remains is shorter.
    """

    def merge(repeat: Repeat) -> Node:
        part = repeat.part
        if isinstance(part, Repeat) and part.low <= 1 and None in (part.high, repeat.high):
            return Repeat(part.part, part.low * repeat.low, None)
        return repeat

    return _with_repeats(node, merge)


def _with_repeats(node: Node, change: Callable[[Repeat], Node]) -> Node:
    """`node` with each repetition replaced by what `change` returns for it, inner ones first."""
    if isinstance(node, Texts):
        return node
    if isinstance(node, Repeat):
        return change(replace(node, part=_with_repeats(node.part, change)))
    parts = (_with_repeats(part, change) for part in node.parts)
    return series(parts) if isinstance(node, Series) else choice(parts)
