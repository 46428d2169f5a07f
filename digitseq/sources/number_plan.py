"""Telephone numbers that a numbering plan allows, drawn without trial and error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from digitseq.sources.automaton import automaton
from digitseq.sources.random_digits import DIGITS
from digitseq.sources.sampler import END, Graph, Sampler, add_state, graph_of
from digitseq.sources.syntax import read_regex
from digitseq.sources.tree import EMPTY

BUDGET = 10_000_000


class NumberPlan:
    """Strings of digits of some `lengths` that match all of `regex`.

    lengths: those that there are, ascending; count: how many strings there are
    """

    def __init__(self, regex: str, lengths: Iterable[int]) -> None:
        candidates = sorted(lengths)
        machine = automaton(graph_of(read_regex(regex, DIGITS, candidates[-1]).root), BUDGET)
        assert machine is not None
        self.moves = [sorted(row.items()) for row in machine.moves]

        @cache
        def ways(state: int, length: int) -> int:
            if not length:
                return machine.accept[state]
            return sum(ways(after, length - 1) for _, after in self.moves[state])

        self.ways = ways  # how many strings of `length` digits can follow a state of the automaton, whose start is 0
        self.lengths = [n for n in candidates if ways(0, n)]
        self.count = sum(ways(0, n) for n in self.lengths)


def plan_sampler(plans: Sequence[NumberPlan]) -> Sampler:
    """Draws from all plans: each plan is equally likely, then each of its lengths, then each string."""
    graph: Graph = [[(EMPTY, END)]]
    weights: list[Sequence[int]] = [[1]]

    @cache
    def writing(plan: NumberPlan, state: int, length: int) -> int:
        """The state of the graph in which `length` digits are still to be written."""
        if not length:
            return END
        # a digit is as likely as the strings that can follow it are many
        ways = {digit: plan.ways(after, length - 1) for digit, after in plan.moves[state]}
        options = [((digit,), writing(plan, after, length - 1)) for digit, after in plan.moves[state] if ways[digit]]
        weights.append([count for count in ways.values() if count])
        return add_state(graph, options)

    def equally(targets: Sequence[int]) -> int:
        weights.append([1] * len(targets))
        return add_state(graph, [(EMPTY, target) for target in targets])

    equally([equally([writing(plan, 0, n) for n in plan.lengths]) for plan in plans])
    return Sampler(graph, weights)
