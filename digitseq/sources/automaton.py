"""Deterministic automata of regular expressions: how many strings there are, and of what length."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from graphlib import TopologicalSorter

import numpy as np
from numpy.typing import NDArray

from digitseq.sources.graph import END, Graph
from digitseq.sources.tree import Node, measure

DEAD, START = 0, 1


@dataclass(frozen=True, eq=False)
class Automaton:
    """State 0 is the dead end, state 1 the start; there are no circles but at the dead end.

    step: int64 (S, K), the state after a character of class k; accept: bool (S,), a string may end here
    classes: K strings, the characters that make no difference to one another
    """

    step: NDArray[np.int64]
    accept: NDArray[np.bool_]
    classes: tuple[str, ...]

    def count(self) -> int:
        """How many strings of 1 and more characters there are, exactly."""
        after = {state: [s for s in row if s != DEAD] for state, row in enumerate(self.step.tolist())}
        many = [len(members) for members in self.classes]
        ways = {DEAD: 0}
        for state in TopologicalSorter(after).static_order():
            if state != DEAD:
                ways[state] = int(self.accept[state]) + sum(
                    n * ways[target] for n, target in zip(many, self.step[state].tolist())
                )
        return ways[START] - int(self.accept[START])


def automaton(root: Node, budget: int) -> Automaton | None:
    """The automaton of `root`, or None when making it takes more than `budget` steps, about 0.3 µs each."""
    if measure(root).options * 4 > budget:
        return None
    graph = Graph(root, by_character=True)
    sets = sorted({"".join(texts) for texts in graph.texts} - {""})
    if sum(map(len, sets)) * len(sets) > budget:
        return None
    classes, members = _classes(sets)
    number: dict[frozenset[int], int] = {frozenset(): DEAD}
    start = _closure(graph, {0})
    number[start] = START
    step, waiting = [[DEAD] * len(classes)], [start]
    for states in waiting:
        reached: dict[int, set[int]] = defaultdict(set)
        for state in states:
            for k in members["".join(graph.texts[state])]:
                reached[k].add(graph.targets[state][0])
                budget -= 1
        row = [DEAD] * len(classes)
        for k, targets in reached.items():
            after = _closure(graph, targets)
            budget -= len(after)
            if after not in number:
                number[after] = len(number)
                waiting.append(after)
            row[k] = number[after]
        if budget < 0:
            return None
        step.append(row)
    accept = np.array([END in states for states in number])
    return Automaton(np.array(step, np.int64).reshape(len(step), len(classes)), accept, classes)


def _closure(graph: Graph, states: set[int]) -> frozenset[int]:
    """`states` and all that can be reached from them without writing."""
    reached, waiting = set(states), list(states)
    while waiting:
        state = waiting.pop()
        fresh = {t for text, t in zip(graph.texts[state], graph.targets[state]) if not text} - reached
        reached |= fresh
        waiting.extend(fresh)
    return frozenset(reached)


def _classes(sets: list[str]) -> tuple[tuple[str, ...], dict[str, list[int]]]:
    """All characters, those together that occur in the same sets; and which of these are in each set."""
    together: dict[tuple[bool, ...], str] = {}
    for character in sorted(set().union(*sets)):
        member = tuple(character in allowed for allowed in sets)
        together[member] = together.get(member, "") + character
    members = {allowed: [k for k, member in enumerate(together) if member[i]] for i, allowed in enumerate(sets)}
    return tuple(together.values()), members | {"": []}
