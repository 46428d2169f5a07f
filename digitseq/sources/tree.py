"""Texts as a small tree: fixed ones, sets of characters, sequences, choices and repetitions.

A tree is measured before anything is expanded: its size in memory does not depend on what it repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Union


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
class Size:
    """What a tree comes to when it is expanded: characters of its longest text, options of all choices with every
    repetition and text written out, and choices on the way to one text."""

    longest: int
    options: int
    steps: int


def measure(node: Node, extra: int = 0) -> Size:
    """The size of `node`. extra: how often an unbounded repetition is made beyond its least number."""
    if isinstance(node, Text):
        return Size(len(node.text), max(len(node.text), 1), 1)
    if isinstance(node, Chars):
        return Size(1, len(node.allowed), 1)
    if isinstance(node, Repeat):
        part, high = measure(node.part, extra), _high(node, extra)
        counts = high - node.low + 1
        return Size(part.longest * high, counts + part.options * high, (counts > 1) + part.steps * high)
    parts = [measure(part, extra) for part in node.parts]
    options = sum(part.options for part in parts)
    if isinstance(node, Choice):
        steps = 1 + max(size.steps * (not isinstance(part, Text)) for part, size in zip(node.parts, parts))
        return Size(max(part.longest for part in parts), len(parts) + options, steps)
    return Size(sum(part.longest for part in parts), options, sum(part.steps for part in parts))


def characters(node: Node) -> frozenset[str]:
    """Every character that the strings of `node` can have."""
    if isinstance(node, (Text, Chars)):
        return frozenset(node.text if isinstance(node, Text) else node.allowed)
    if isinstance(node, Repeat):
        return characters(node.part)
    return frozenset().union(*map(characters, node.parts))


def longest_text(node: Node) -> str:
    """One of the longest texts of `node`."""
    if isinstance(node, Text):
        return node.text
    if isinstance(node, Chars):
        return node.allowed[0]
    if isinstance(node, Repeat):
        return longest_text(node.part) * _high(node, 0)
    if isinstance(node, Choice):
        return longest_text(max(node.parts, key=lambda part: measure(part).longest))
    return "".join(map(longest_text, node.parts))


def joined(parts: Sequence[Node]) -> Node:
    """`parts` one after the other, with texts beside each other as one, and no empty ones."""
    found: list[Node] = []
    for part in parts:
        if found and isinstance(part, Text) and isinstance(found[-1], Text):
            found[-1] = Text(found[-1].text + part.text)
        elif part != EMPTY:
            found.append(part)
    return EMPTY if not found else found[0] if len(found) == 1 else Series(tuple(found))


def _high(node: Repeat, extra: int) -> int:
    return node.low + extra if node.high is None else node.high


def bounded(node: Node, extra: int) -> Node:
    """`node` with every unbounded repetition made at most `extra` times beyond its least number, and without those
    that are then never made."""
    if isinstance(node, (Text, Chars)):
        return node
    if isinstance(node, Repeat):
        part, high = bounded(node.part, extra), _high(node, extra)
        return EMPTY if part == EMPTY or high == 0 else replace(node, part=part, high=high)
    parts = tuple(bounded(part, extra) for part in node.parts)
    if isinstance(node, Series):
        return joined(parts)
    return Choice(parts) if any(part != EMPTY for part in parts) else EMPTY


def merged(node: Node) -> Node:
    """`node` with one unbounded repetition instead of two inside each other that stand for the same texts.

    For example `(?:a*){,1000}` and `(?:a{,1000})*` are `a*`. One turn of what remains is shorter.
    """
    if isinstance(node, (Text, Chars)):
        return node
    if not isinstance(node, Repeat):
        return replace(node, parts=tuple(map(merged, node.parts)))
    part = merged(node.part)
    if isinstance(part, Repeat) and part.low <= 1 and None in (part.high, node.high):
        return Repeat(part.part, part.low * node.low, None)
    return replace(node, part=part)
