"""Deterministic automata of regular expressions, to count their texts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter

from digitseq.sources.sampler import END, START, Graph
from digitseq.sources.tree import Node, measure

Position = tuple[str, int]  # the rest of a text to write, and the state of the graph after it


@dataclass(frozen=True, eq=False)
class Automaton:
    """State 0 is the start. There are no cycles, and every state leads to a text.

    moves: for each state and character the next state; accept: whether a text may end in the state
    """

    moves: list[dict[str, int]]
    accept: list[bool]

    def count(self) -> int:
        """The exact number of texts of 1 and more characters."""
        ways: dict[int, int] = {}
        for state in TopologicalSorter({state: row.values() for state, row in enumerate(self.moves)}).static_order():
            ways[state] = self.accept[state] + sum(ways[after] for after in self.moves[state].values())
        return ways[0] - self.accept[0]


def automaton(root: Node, budget: int) -> Automaton | None:
    """The automaton of `root` by the subset construction; None if that takes more than `budget` steps."""
    if measure(root).options * 12 > budget:  # the graph alone would be too large
        return None
    graph = Graph(root)

    @cache
    def options(state: int) -> tuple[list[int], list[tuple[str, Position]]]:
        """The states that are reached without writing; the sets of characters that can be written, each with the
        position after it."""
        silent, written = list[int](), defaultdict[Position, str](str)
        for text, target in zip(graph.texts[state], graph.targets[state]):
            if text:
                written[text[1:], target] += text[0]
            else:
                silent.append(target)
        return silent, [(first, after) for after, first in written.items()]

    number = {frozenset({("", START)}): 0}  # the state of the automaton for a set of positions in the graph
    waiting, moves, accept = [*number], list[dict[str, int]](), list[bool]()
    for positions in waiting:
        after: dict[str, set[Position]] = defaultdict(set)  # for each set of characters
        for rest, target in positions:
            if rest:
                after[rest[0]].add((rest[1:], target))
        states = [target for rest, target in positions if not rest]
        reached = set(states)
        for state in states:
            silent, written = options(state)
            for first, position in written:
                after[first].add(position)
            states += [target for target in silent if target not in reached]
            reached.update(silent)
            budget -= 1 + len(silent) + len(written)
        # characters that are in the same sets have the same next state: it is made once for all of them
        sets: dict[str, tuple[str, ...]] = defaultdict(tuple)
        for first in after:
            for character in first:
                sets[character] += (first,)
        number_of: dict[tuple[str, ...], int] = {}
        for firsts in set(sets.values()):
            following = frozenset().union(*(after[first] for first in firsts))
            number_of[firsts] = number.setdefault(following, len(number))
            if len(number) > len(waiting):
                waiting.append(following)
            budget -= len(following)
        moves.append({character: number_of[firsts] for character, firsts in sets.items()})
        accept.append(END in reached)
        budget -= len(positions) + len(sets)
        if budget < 0:
            return None
    return Automaton(moves, accept)
