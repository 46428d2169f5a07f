"""Deterministic automata of regular expressions: how many strings there are, and of what length."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from digitseq.sources.syntax import Chars, Choice, Node, Repeat, Series


@dataclass(frozen=True, eq=False)
class Automaton:
    """State 0 is the dead end, state 1 the start.

    step: int64 (S, K), the state after a character of class k; accept: bool (S,), a string may end here
    classes: K strings, the characters that make no difference to one another
    """

    step: NDArray[np.int64]
    accept: NDArray[np.bool_]
    classes: tuple[str, ...]

    def count(self, longest: int) -> int:
        """How many strings of 1 to `longest` characters there are, exactly."""
        many = np.array([len(c) for c in self.classes], object)
        ending = self.accept.astype(object)
        total = 0
        for _ in range(longest):
            ending = ending[self.step] @ many
            total += ending[1]
        return int(total)


def automaton(node: Node, max_states: int) -> Automaton | None:
    """The automaton of `node`, or None when it needs more than `max_states` states."""
    graph = _Graph()
    end = graph.build(node, 0)
    classes = _classes(graph)
    number: dict[frozenset[int], int] = {frozenset(): 0, graph.closure({0}): 1}
    step, waiting = [[0] * len(classes)], [graph.closure({0})]
    for states in waiting:
        row = []
        for members in classes:
            reached = graph.after(states, members[0])
            if reached not in number:
                number[reached] = len(number)
                waiting.append(reached)
            row.append(number[reached])
        step.append(row)
        if len(number) > max_states:
            return None
    accept = np.array([end in states for states in number])
    return Automaton(np.array(step, np.int64).reshape(len(step), len(classes)), accept, classes)


@dataclass
class _Graph:
    """A non-deterministic automaton: free moves and moves by a character, from each state."""

    free: list[set[int]] = field(default_factory=lambda: [set()])
    moves: list[tuple[str, int] | None] = field(default_factory=lambda: [None])

    def _state(self) -> int:
        self.free.append(set())
        self.moves.append(None)
        return len(self.free) - 1

    def build(self, node: Node, start: int) -> int:
        """Add `node` from state `start` on; returns the state behind it."""
        if isinstance(node, Chars):
            end = self._state()
            self.moves[start] = (node.allowed, end)
            return end
        if isinstance(node, Series):
            for part in node.parts:
                start = self.build(part, start)
            return start
        if isinstance(node, Choice):
            return self._choice(node, start)
        return self._repeat(node, start)

    def _choice(self, node: Choice, start: int) -> int:
        end = self._state()
        for part in node.parts:
            branch = self._state()
            self.free[start].add(branch)
            self.free[self.build(part, branch)].add(end)
        return end

    def _repeat(self, node: Repeat, start: int) -> int:
        high = node.low if node.high is None else node.high
        if node.part.longest == 0:
            return start
        end = self._state()
        for turn in range(high):
            if turn >= node.low:
                self.free[start].add(end)
            inner = self._state()
            self.free[start].add(inner)
            start = self.build(node.part, inner)
        self.free[start].add(end)
        return end

    def closure(self, states: set[int]) -> frozenset[int]:
        """`states` and all that free moves reach from them."""
        reached, waiting = set(states), list(states)
        while waiting:
            fresh = self.free[waiting.pop()] - reached
            reached |= fresh
            waiting.extend(fresh)
        return frozenset(reached)

    def after(self, states: frozenset[int], character: str) -> frozenset[int]:
        """The states that `character` leads to."""
        moves = (self.moves[state] for state in states)
        return self.closure({move[1] for move in moves if move and character in move[0]})


def _classes(graph: _Graph) -> tuple[str, ...]:
    """All characters, those together that occur in the same sets."""
    sets = sorted({move[0] for move in graph.moves if move})
    together: dict[tuple[bool, ...], str] = {}
    for character in sorted(set().union(*sets)):
        member = tuple(character in allowed for allowed in sets)
        together[member] = together.get(member, "") + character
    return tuple(together.values())
