"""Numbers that a telephone plan allows, drawn without trial and error."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitseq.sources.automaton import automaton
from digitseq.sources.random_digits import DIGITS
from digitseq.sources.syntax import read_regex

MAX_STATES = 100_000


@dataclass(frozen=True, eq=False)
class NumberPlan:
    """Draws strings of digits that match a regular expression: the length uniform, then all of it uniform.

    lengths: int64 (K,), the lengths there are, ascending
    step: int64 (S, 10), the state after a digit; state 1 is the start
    share: float64 (S, longest + 1, 10): in a state with r digits to come, how much of all that can come begins
    with a digit up to this one
    count: how many strings there are
    """

    lengths: NDArray[np.int64]
    step: NDArray[np.int64]
    share: NDArray[np.float64]
    count: int

    @property
    def longest(self) -> int:
        return int(self.lengths[-1])

    def draw(self, draws: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Digits int64 (B, longest) and lengths int64 (B,) for uniform draws (B, 1 + longest).

        Behind the end of a string stand zeros.
        """
        length = self.lengths[(draws[:, 0] * len(self.lengths)).astype(np.int64)]
        digits = np.zeros((len(draws), self.longest), np.int64)
        state = np.ones(len(draws), np.int64)
        for place in range(self.longest):
            left = np.maximum(length - place, 0)
            chosen = (self.share[state, left] <= draws[:, 1 + place, None]).sum(axis=1)
            digits[:, place] = np.where(left > 0, chosen, 0)
            state = self.step[state, digits[:, place]]
        return digits, length


def number_plan(regex: str, lengths: Collection[int]) -> NumberPlan | None:
    """The plan of the strings of `lengths` that match all of `regex`; None when there are none."""
    longest = max(lengths)
    machine = automaton(read_regex(regex, DIGITS).capped(longest), MAX_STATES)
    if machine is None:
        return None
    step = np.zeros((len(machine.step), len(DIGITS)), np.int64)
    for place, members in enumerate(machine.classes):
        step[:, [int(c) for c in members]] = machine.step[:, [place]]
    ways = [machine.accept.astype(np.float64)]  # of each state, how many strings of r digits follow
    share = np.zeros((len(step), longest + 1, len(DIGITS)))
    for left in range(1, longest + 1):
        sums = np.cumsum(ways[-1][step], axis=1)
        ways.append(sums[:, -1])
        share[:, left] = np.divide(sums, sums[:, -1:], where=sums[:, -1:] > 0, out=np.zeros_like(sums))
    possible = [n for n in sorted(lengths) if ways[n][1] > 0]
    if not possible:
        return None
    return NumberPlan(np.array(possible), step, share, int(sum(ways[n][1] for n in possible)))
