"""Random texts by walks through a graph, all rows of a batch side by side."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from digitseq.random_streams import Rows
from digitseq.sources.base import Codes
from digitseq.sources.tree import Choice, Node, Repeat, Series, Texts, only_text

START, END = 0, 1
Numbers = NDArray[np.int64]


class Graph:
    """Option k of state s writes texts[s][k] and leads to state targets[s][k].

    A text is what a walk from START to END writes. There are no cycles, except that END leads to itself.
    """

    def __init__(self, root: Node) -> None:
        self.texts: list[Sequence[str]] = [(), ("",)]
        self.targets: list[Sequence[int]] = [(), (END,)]
        self._add(root, START, END)

    def _new_state(self) -> int:
        self.texts.append(())
        self.targets.append(())
        return len(self.texts) - 1

    def _add(self, node: Node, start: int, end: int) -> None:
        """All ways of `node` from `start`, which has no options yet, to `end`."""
        if isinstance(node, Texts):
            self.texts[start], self.targets[start] = node.texts, [end] * len(node.texts)
        elif isinstance(node, Series):
            self._add_chain(node.parts, start, end)
        elif isinstance(node, Choice):
            # a fixed text is written by the choice itself, which saves a step
            texts = [only_text(part) for part in node.parts]
            states = [end if text is not None else self._new_state() for text in texts]
            self.texts[start], self.targets[start] = [text or "" for text in texts], states
            for part, text, state in zip(node.parts, texts, states):
                if text is None:
                    self._add(part, state, end)
        else:
            self._add_repeat(node, start, end)

    def _add_repeat(self, node: Repeat, start: int, end: int) -> None:
        """One chain of the greatest number of repetitions, which is entered as many before its end as there are."""
        parts = [node.part] * node.highest(0)
        if len(parts) == node.low:
            self._add_chain(parts, start, end)
        else:
            entries = self._add_chain(parts, self._new_state(), end)[: len(parts) - node.low + 1]
            self.texts[start], self.targets[start] = [""] * len(entries), entries

    def _add_chain(self, parts: Sequence[Node], start: int, end: int) -> list[int]:
        """All parts one after the other. Returns the state before each of them, and `end`."""
        states = [start, *(self._new_state() for _ in parts[1:]), end]
        for part, here, there in zip(parts, states, states[1:]):
            self._add(part, here, there)
        return states


class Sampler:
    """Walks from START through states whose options write `texts` and lead to `targets`, as in `Graph`.

    shares: for each state the cumulative shares of its options, the last one 1; None: all options are equally likely
    steps: options on the longest way; longest: no text has more characters
    """

    def __init__(
        self,
        texts: Sequence[Sequence[str]],
        targets: Sequence[Sequence[int]],
        shares: Sequence[Sequence[float]] | None,
        steps: int,
        longest: int,
    ) -> None:
        self.steps, self.longest = steps, longest
        # the options of all states in a row: `base` has the first one of each state
        self._count = np.array([len(target) for target in targets])
        self._base = np.cumsum(self._count) - self._count
        total = int(self._count.sum())
        self._target = np.fromiter(chain.from_iterable(targets), np.int64, total)
        # what they write, one after the other in `written`: uint32
        self.written: Codes = np.frombuffer("".join(chain.from_iterable(texts)).encode("utf-32-le"), np.uint32)
        self._length = np.fromiter(map(len, chain.from_iterable(texts)), np.int64, total)
        self._first = np.cumsum(self._length) - self._length
        # how many of 2³² random numbers take an option or an earlier one of its state
        self._upto = None
        if shares is not None:
            self._upto = (np.fromiter(chain.from_iterable(shares), np.float64, total) * 2.0**32).astype(np.int64)

    def codes(self, rows: Rows) -> Codes:
        """uint32 (B, longest): a text for each row, padded with 0 at the end."""
        options = self._walk(rows)
        length = self._length.take(options)
        # the texts of all options one after the other: for each character, its place in `written`
        shift = self._first.take(options).ravel() - (np.cumsum(length) - length.ravel())
        place = np.repeat(shift, length.ravel()) + np.arange(length.sum())
        codes = np.zeros((len(rows), self.longest), np.uint32)
        codes[np.arange(self.longest) < length.sum(axis=1)[:, None]] = self.written.take(place)
        return codes

    def _walk(self, rows: Rows) -> Numbers:
        """int64 (B, steps): the options that each row takes. Every step uses 32 random bits."""
        words = np.ascontiguousarray(rows.words("walk", -(-self.steps // 2)))
        draws = words.view(np.uint32).T.astype(np.int64, order="C")
        state, taken = np.zeros(len(rows), np.int64), np.empty((self.steps, len(rows)), np.int64)
        for step, draw in enumerate(draws[: self.steps]):
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
