"""Draws texts by walks through a graph, all rows of a batch side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from digitseq.random_streams import Rows
from digitseq.sources.base import Codes
from digitseq.sources.graph import END, Graph
from digitseq.sources.tree import Node, measure

Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Sampler:
    """Walks from state 0 and writes what the options on the way say. Numbers are int64.

    base, count: (S,), the first option of each state, and how many it has
    target, first, length: (E,), the state that each option leads to; where in `written`, uint32, its text begins, and
    how long that is
    upto: (E,), how many of 2³² draws take this option or one before it of its state; None: all alike
    steps: options on the longest way; longest: no text has more characters
    """

    base: Numbers
    count: Numbers
    target: Numbers
    first: Numbers
    length: Numbers
    written: Codes
    upto: Numbers | None
    steps: int
    longest: int

    def codes(self, rows: Rows) -> Codes:
        """uint32 (B, longest): a text for each row, padded with 0 at the end."""
        options = self._walk(rows)
        length = self.length.take(options)
        shift = self.first.take(options).ravel() - (np.cumsum(length) - length.ravel())
        place = np.repeat(shift, length.ravel()) + np.arange(length.sum())
        codes = np.zeros((len(rows), self.longest), np.uint32)
        codes[np.arange(self.longest) < length.sum(axis=1)[:, None]] = self.written.take(place)
        return codes

    def _walk(self, rows: Rows) -> Numbers:
        """int64 (B, steps): the options that each row takes."""
        words = np.ascontiguousarray(rows.words("walk", -(-self.steps // 2)))
        draws = words.view(np.uint32).T.astype(np.int64, order="C")
        state, taken = np.zeros(len(rows), np.int64), np.empty((self.steps, len(rows)), np.int64)
        for step, draw in enumerate(draws[: self.steps]):
            option = self.base.take(state) + ((draw * self.count.take(state)) >> 32)
            if self.upto is not None:
                option = self._weighted(option, draw, self.base.take(state))
            taken[step], state = option, self.target.take(option)
        return np.ascontiguousarray(taken.T)

    def _weighted(self, option: Numbers, draw: Numbers, base: Numbers) -> Numbers:
        """The options that the draws take, sought from `option` on, which is near."""
        assert self.upto is not None
        while (more := draw >= self.upto.take(option)).any():
            option = option + more
        while (less := (option > base) & (draw < self.upto.take(option - 1, mode="clip"))).any():
            option = option - less
        return option


def tree_sampler(root: Node) -> Sampler:
    """Of each choice every branch is as likely as the others, each number of repetitions likewise, each character of
    a set likewise."""
    graph, size = Graph(root), measure(root)
    return sampler(graph.texts, graph.targets, None, size.steps, size.longest)


def sampler(
    texts: Sequence[Sequence[str]],
    targets: Sequence[Sequence[int]],
    shares: Sequence[Sequence[float]] | None,
    steps: int,
    longest: int,
) -> Sampler:
    """A sampler of the states whose options write `texts` and lead to `targets`, as in `Graph`.

    shares: of each state, how often its options are taken up to each of them, the last 1; None: all alike
    """
    texts, targets = [*texts], [*targets]
    texts[END], targets[END] = ("",), (END,)  # a walk that has ended stays there
    count = np.array([len(target) for target in targets])
    total = int(count.sum())
    length = np.fromiter(map(len, chain.from_iterable(texts)), np.int64, total)
    upto = None
    if shares is not None:
        parts = [*shares]
        parts[END] = (1.0,)
        upto = (np.fromiter(chain.from_iterable(parts), np.float64, total) * 2.0**32).astype(np.int64)
    return Sampler(
        np.cumsum(count) - count,
        count,
        np.fromiter(chain.from_iterable(targets), np.int64, total),
        np.cumsum(length) - length,
        length,
        np.frombuffer("".join(chain.from_iterable(texts)).encode("utf-32-le"), np.uint32),
        upto,
        steps,
        longest,
    )
