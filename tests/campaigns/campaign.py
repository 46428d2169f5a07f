"""What a campaign is: numbered cases, each made of the seed and its number alone, and what came of them."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

SEED = 11


@dataclass(frozen=True)
class Case:
    """One case. `folder` is an empty directory of its own, which is removed afterwards."""

    seed: int
    number: int
    folder: Path

    def draw(self) -> random.Random:
        """The case's own random numbers, the same at every call."""
        return random.Random(f"{self.seed} {self.number}")


@dataclass(frozen=True)
class Result:
    """What came of a case: `outcome` in a word or two; `fault` says what broke the promise, if something did."""

    case: int
    outcome: str
    fault: str | None = None


@dataclass(frozen=True)
class Campaign:
    """Many cases of one kind. short, long: how many there are in either form; unit: what they are.

    run: is given the seed, the numbers of the cases and a scratch directory; yields a result for each.
    """

    name: str
    unit: str
    promise: str
    short: int
    long: int
    run: Callable[[int, Iterable[int], Path], Iterator[Result]]


def one_by_one(
    judge: Callable[[Case], str], at_once: int = 1
) -> Callable[[int, Iterable[int], Path], Iterator[Result]]:
    """The `run` of a campaign whose cases do not share anything.

    judge: returns the outcome, or raises AssertionError; at_once: how many cases run beside each other, in threads.
    """

    def attempt(case: Case) -> Result:
        case.folder.mkdir()
        try:
            return Result(case.number, judge(case))
        except AssertionError as fault:
            return Result(case.number, "broken", str(fault) or "assertion failed")
        except Exception as fault:  # what was left could not even be read
            return Result(case.number, "broken", f"{type(fault).__name__}: {fault}")
        finally:
            shutil.rmtree(case.folder, ignore_errors=True)

    def run(seed: int, numbers: Iterable[int], scratch: Path) -> Iterator[Result]:
        cases = (Case(seed, number, scratch / str(number)) for number in numbers)
        if at_once == 1:
            yield from map(attempt, cases)
            return
        with ThreadPoolExecutor(at_once) as threads:
            yield from threads.map(attempt, cases)

    return run


@dataclass(frozen=True)
class Figures:
    """What came of a campaign."""

    campaign: Campaign
    seed: int
    outcomes: Counter[str]
    faults: list[Result]

    @property
    def cases(self) -> int:
        return sum(self.outcomes.values())

    def reproduce(self, fault: Result) -> str:
        """The command that runs one case again."""
        return f"python -m tests.campaigns {self.campaign.name} --seed {self.seed} --case {fault.case}"


def carry_out(
    campaign: Campaign, numbers: Iterable[int], seed: int = SEED, tell: Callable[[Result], object] | None = None
) -> Figures:
    """Run the cases `numbers`; `tell` is given each result as it comes."""
    memory = Path("/dev/shm")
    scratch = Path(tempfile.mkdtemp(prefix=f"{campaign.name}-", dir=memory if memory.is_dir() else None))
    outcomes: Counter[str] = Counter()
    faults = []
    try:
        for result in campaign.run(seed, numbers, scratch):
            outcomes[result.outcome] += 1
            if result.fault:
                faults.append(result)
            if tell:
                tell(result)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Figures(campaign, seed, outcomes, faults)
