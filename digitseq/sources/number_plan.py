"""Telephone numbers that a numbering plan allows, drawn without trial and error."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitseq.sources.automaton import automaton
from digitseq.sources.random_digits import DIGITS
from digitseq.sources.sampler import END, Sampler
from digitseq.sources.syntax import read_regex

BUDGET = 10_000_000


@dataclass(frozen=True, eq=False)
class NumberPlan:
    """Strings of digits that match a regular expression, by an automaton that starts in state 0.

    lengths: those that there are, ascending; step: int64 (S, 10), the state after a digit
    ways: int64 (longest + 1, S), how many strings of so many digits can follow a state
    """

    lengths: Sequence[int]
    step: NDArray[np.int64]
    ways: NDArray[np.int64]

    @property
    def count(self) -> int:
        """The number of strings."""
        return int(self.ways[self.lengths, 0].sum())


def number_plan(regex: str, lengths: Collection[int]) -> NumberPlan | None:
    """The plan of the strings of `lengths`, at most 17, that match all of `regex`; None if there are none."""
    machine = automaton(read_regex(regex, DIGITS, max(lengths)).root, BUDGET)
    if machine is None:
        return None
    dead = len(machine.moves)  # one more state, for digits that cannot follow
    step = np.array([[row.get(digit, dead) for digit in DIGITS] for row in [*machine.moves, {}]])
    ways = [np.array([*machine.accept, False], np.int64)]
    for _ in range(max(lengths)):
        ways.append(ways[-1][step].sum(axis=1))
    possible = [n for n in sorted(lengths) if ways[n][0]]
    return NumberPlan(possible, step, np.array(ways)) if possible else None


def plan_sampler(plans: Sequence[NumberPlan]) -> Sampler:
    """Draws from all plans: each plan is equally likely, then each of its lengths, then each string."""
    # the states: START, END, one for each plan, then one for each (plan, its state, digits to come)
    texts: list[Sequence[str]] = [[""] * len(plans), [""]]
    targets: list[Sequence[int]] = [range(END + 1, END + 1 + len(plans)), [END]]
    shares: list[Sequence[float]] = [_equal(len(plans)), [1.0]]
    waiting: list[tuple[NumberPlan, int, int]] = []
    number: dict[tuple[int, int, int], int] = {}

    def numbered(plan: NumberPlan, state: int, left: int) -> int:
        key = (id(plan), state, left)
        if left and key not in number:
            waiting.append((plan, state, left))
            number[key] = END + len(plans) + len(waiting)
        return number[key] if left else END

    for plan in plans:
        texts.append([""] * len(plan.lengths))
        targets.append([numbered(plan, 0, n) for n in plan.lengths])
        shares.append(_equal(len(plan.lengths)))
    for plan, state, left in waiting:
        ways = plan.ways[left - 1][plan.step[state]]
        some = np.flatnonzero(ways)
        texts.append([DIGITS[digit] for digit in some])
        targets.append([numbered(plan, int(plan.step[state, digit]), left - 1) for digit in some])
        # a digit is as likely as the strings that can follow it are many
        shares.append((np.cumsum(ways[some]) / ways.sum()).tolist())
    longest = max(plan.lengths[-1] for plan in plans)
    return Sampler(texts, targets, shares, 2 + longest, longest)


def _equal(count: int) -> list[float]:
    return [(place + 1) / count for place in range(count)]
