"""Texts as walks through a graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import cast

from digitseq.sources.tree import EMPTY, Choice, Node, Series, Texts, is_fixed

Option = tuple[Texts, int]  # the texts of which it writes one, and the state that it leads to
# The options of each state, whose texts are all equally likely unless weights are given. A walk from the last state to
# state 0 writes a text. Options lead to earlier states only, but for that of state 0, which leads to itself.
Graph = list[Sequence[Option]]
END = 0


def graph_of(root: Node) -> Graph:
    """The graph of a tree, whose repetitions must be bounded."""
    graph: Graph = [[(EMPTY, END)]]

    def before(node: Node, after: int) -> int:
        """The state from which `node` is written on the way to the state `after`."""
        if isinstance(node, Series):
            for part in reversed(node.parts):
                after = before(part, after)
            return after
        if isinstance(node, tuple):
            return add_state(graph, [(node, after)])
        if isinstance(node, Choice):
            options: list[Option] = []
            for fixed, parts in groupby(node.parts, is_fixed):
                if fixed:  # written by the choice itself, which saves a step
                    options.append((tuple(text for (text,) in cast("Iterable[Texts]", parts)), after))
                else:
                    options += [(EMPTY, before(part, after)) for part in parts]
            return add_state(graph, options)
        # one chain of the greatest number of turns, entered as many turns before its end as are to be made
        entries = [after]
        for _ in range(node.highest(0)):
            entries.append(before(node.part, entries[-1]))
        if len(entries) - 1 == node.low:
            return entries[-1]
        return add_state(graph, [(EMPTY, entry) for entry in reversed(entries[node.low :])])

    before(root, END)
    return graph


def add_state(graph: Graph, options: Sequence[Option]) -> int:
    """The number of a new state with `options`."""
    graph.append(options)
    return len(graph) - 1
