"""Random texts by walks through a graph, all rows of a batch side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, groupby
from typing import cast

import numpy as np
from numpy.typing import NDArray

from digitseq.random_streams import Rows
from digitseq.sources.base import Codes
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
        for _ in range(node.high):
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


class Sampler:
    """Walks through `graph`.

    weights: for each state the whole numbers in proportion to which its options are taken; None: all equally often

    longest: one of the longest texts
    """

    def __init__(self, graph: Graph, weights: Sequence[Sequence[int]] | None = None) -> None:
        steps, longest = [0], [0]  # on the longest way from each state to the end: its options, its characters
        for options in graph[1:]:
            steps.append(1 + max([steps[target] for _, target in options]))
            longest.append(max([len(max(texts, key=len)) + longest[target] for texts, target in options]))
        self._start, self._steps = len(graph) - 1, steps[-1]
        self.longest, state = "", self._start
        while state != END:
            texts, state = max(graph[state], key=lambda option: len(max(option[0], key=len)) + longest[option[1]])
            self.longest += max(texts, key=len)
        # the texts of all states in a row: `base` has the first one of each state
        self._count = np.array([sum([len(texts) for texts, _ in options]) for options in graph])
        self._base = np.cumsum(self._count) - self._count
        choices = list(chain.from_iterable(graph))
        self._target = np.repeat([target for _, target in choices], [len(texts) for texts, _ in choices])
        written = list(chain.from_iterable(texts for texts, _ in choices))
        # what they write, one after the other in `written`: uint32
        self.written: Codes = np.frombuffer("".join(written).encode("utf-32-le"), np.uint32)
        self._length = np.fromiter(map(len, written), np.int64)
        self._first = np.cumsum(self._length) - self._length
        # how many of 2³² random numbers take an option or an earlier one of its state
        self._upto = None
        if weights is not None:
            shares = [upto / sum(each) for each in weights for upto in accumulate(each)]
            self._upto = (np.array(shares) * 2.0**32).astype(np.int64)

    def codes(self, rows: Rows) -> Codes:
        """uint32 (B, length of `longest`): a text for each row, padded with 0 at the end."""
        options = self._walk(rows)
        length = self._length.take(options)
        # the texts of all options one after the other: for each character, its place in `written`
        shift = self._first.take(options).ravel() - (np.cumsum(length) - length.ravel())
        place = np.repeat(shift, length.ravel()) + np.arange(length.sum())
        codes = np.zeros((len(rows), len(self.longest)), np.uint32)
        codes[np.arange(len(self.longest)) < length.sum(axis=1)[:, None]] = self.written.take(place)
        return codes

    def _walk(self, rows: Rows) -> NDArray[np.int64]:
        """int64 (B, steps): the options that each row takes. Every step uses 32 random bits."""
        words = np.ascontiguousarray(rows.words("walk", -(-self._steps // 2)))
        draws = words.view(np.uint32).T.astype(np.int64, order="C")
        state, taken = np.full(len(rows), self._start), np.empty((self._steps, len(rows)), np.int64)
        for step, draw in enumerate(draws[: self._steps]):
            base = self._base.take(state)
            option = base + ((draw * self._count.take(state)) >> 32)
            if self._upto is not None:
                # shares are nearly equal: the right option is close to the one that equal shares would give
                while (more := draw >= self._upto.take(option)).any():
                    option = option + more
                while (less := (option > base) & (draw < self._upto.take(option - 1, mode="clip"))).any():
                    option = option - less
            taken[step], state = option, self._target.take(option)
        return np.ascontiguousarray(taken.T)
