"""Deterministic automata of regular expressions, to count their texts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from graphlib import TopologicalSorter

from digitseq.sources.sampler import END, Graph, Option
from digitseq.sources.tree import EMPTY, Texts


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


def automaton(graph: Graph, budget: int) -> Automaton | None:
    """The automaton of `graph` by the subset construction; None if that takes more than `budget` steps."""
    # a position on the way is an option: one of its texts is to be written, then its state is reached
    number = {frozenset({(EMPTY, len(graph) - 1)}): 0}
    waiting, moves, accept = [*number], list[dict[str, int]](), list[bool]()
    for positions in waiting:
        reached, new = set(positions), set(positions)
        while new:
            new = set[Option]().union(*(graph[state] for texts, state in new if "" in texts)) - reached
            reached |= new
        after = defaultdict[Texts, list[int]](list)  # the states after all options with the same texts
        for texts, state in reached:
            after[texts].append(state)
        states = list(after.values())
        # characters that are in the same sets have the same next state: it is made once for all of them
        rests = defaultdict[str, list[tuple[str, int]]](list)
        for place, texts in enumerate(after):
            for text in filter(None, texts):
                rests[text[0]].append((text[1:], place))
        number_of: dict[tuple[tuple[str, int], ...], int] = {}
        for key in {tuple(each) for each in rests.values()}:
            following = frozenset(((rest,), state) for rest, place in key for state in states[place])
            number_of[key] = number.setdefault(following, len(number))
            if len(number) > len(waiting):
                waiting.append(following)
            budget -= len(following)
        moves.append({character: number_of[tuple(each)] for character, each in rests.items()})
        accept.append((EMPTY, END) in reached)
        budget -= len(reached) + sum(map(len, rests.values()))
        if budget < 0:
            return None
    return Automaton(moves, accept)
