"""Runs that are killed, ended or stopped at a place, and then resumed or run again."""

from __future__ import annotations

import os
import random
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .campaign import Campaign, Case
from .children import Ended
from .judge import BROKEN_OFF, INTERRUPTED, REFUSED, judge_end
from .references import Reference, References, finish, unlike, with_references
from .setups import Setup, expected, fits, same, shape
from .started import Started, locked, run

FIRST_SEED, SECOND_SEED = 7, 8
TERMINATED = 143

# (signal, what it hits): the exit codes that are right; 0 where everything was made before it took effect
RIGHT_CODES = {
    (signal.SIGKILL, "parent"): {-9}, (signal.SIGKILL, "group"): {-9}, (signal.SIGKILL, "worker"): {0, BROKEN_OFF},
    (signal.SIGTERM, "parent"): {0, TERMINATED}, (signal.SIGTERM, "worker"): {0, BROKEN_OFF},
    (signal.SIGTERM, "group"): {0, TERMINATED},
    (signal.SIGINT, "parent"): {0, INTERRUPTED}, (signal.SIGINT, "group"): {0, INTERRUPTED}, (signal.SIGINT, "worker"): {0},
}  # fmt: skip


@dataclass(frozen=True)
class Blow:
    """What happens to a run. role, number: the place; victim: "parent", "worker" or "group".

    With SIGSTOP, `then` says what the stopped processes find when they wake: the parent "killed" and the run resumed
    or run again meanwhile, or all as it was ("woken").
    """

    role: str
    number: int
    signal: signal.Signals
    victim: str
    then: str = ""

    @classmethod
    def drawn(cls, draw: random.Random, setup: Setup, places: dict[str, int]) -> Blow:
        role = "worker" if places["worker"] and draw.random() < 0.6 else "parent"
        kind = draw.choices((signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGINT), (45, 25, 15, 15))[0]
        victims = ["parent", "group"] if setup.cores else ["parent"]
        victim = draw.choice([*victims, "worker", "worker"] if role == "worker" else victims)
        then = draw.choice(("killed", "killed", "killed", "woken")) if role == "worker" else "killed"
        return cls(role, 1 + int(draw.random() * places[role]), kind, victim, then if kind == signal.SIGSTOP else "")

    def plan(self) -> dict[str, Any]:
        """As `places` takes it."""
        victim = "self" if self.victim == "worker" else self.victim
        return {"role": self.role, "number": self.number, "signal": int(self.signal), "victim": victim}

    def __str__(self) -> str:
        then = f", then {self.then}" if self.then else ""
        return f"{self.signal.name} to {self.victim} at place {self.number} of {self.role}{then}"


class _Attack:
    """One case: a run, a blow, a recovery, and what must hold then."""

    def __init__(self, case: Case, references: References) -> None:
        self.draw = case.draw()
        self.setup = Setup.drawn(self.draw)
        self.reference: Reference = references.of(self.setup)
        self.blow = Blow.drawn(self.draw, self.setup, self.reference.places)
        self.again = self.draw.random() < 0.5  # a new run, not --resume
        self.at_once = self.draw.random() < 0.5  # without waiting for processes whose parent is dead
        self.folder, self.out = case.folder, case.folder / "out"
        self.logs = 0
        self.where = "nowhere"

    def __str__(self) -> str:
        return f"{self.setup}: {self.blow} ({self.where}), {'run again' if self.again else 'resumed'}"

    def log(self) -> Path:
        self.logs += 1
        return self.folder / f"log-{self.logs}"

    def carry_out(self) -> str:
        started = Started(self.setup.words(FIRST_SEED), self.out, self.log(), self.blow.plan())
        try:
            outcome = self._stopped(started) if self.blow.signal == signal.SIGSTOP else self._struck(started)
        finally:
            left = not started.all_ended()
        assert not left, "processes of the first run were left behind"
        return outcome

    def _struck(self, started: Started) -> str:
        ended = started.ended()
        self.where = started.where()
        codes = RIGHT_CODES[self.blow.signal, self.blow.victim] if started.struck() else {0}
        self._right_end(ended, codes)
        if not self.at_once:
            assert started.all_ended(), "processes were left behind"
        self._recover()
        assert started.all_ended(), "processes were left behind"
        self._check()
        return self.blow.signal.name if started.struck() else "not reached"

    def _right_end(self, ended: Ended, codes: set[int]) -> None:
        if ended.code is not None and ended.code < 0:
            assert ended.code in codes, f"killed by signal {-ended.code}: {ended.one_line()}"
            assert "Traceback" not in ended.err, ended.one_line()
        else:
            judge_end(ended, codes)

    def _stopped(self, started: Started) -> str:
        if not started.wait_struck():
            judge_end(started.ended(), {0})
            return "not reached"
        self.where = started.where()
        if self.blow.then == "woken":
            return self._woken(started)
        os.kill(started.process.pid, signal.SIGKILL)
        started.ended()
        self._recover()
        before = self.setup.contents(self.out)
        started.send_all(signal.SIGCONT)
        assert started.all_ended(), "processes were left behind"
        after = self.setup.contents(self.out)
        changed = sorted(n for n in before.keys() | after.keys() if before.get(n) != after.get(n))
        assert not changed, f"{len(changed)} files were changed by processes that woke up: {changed[:3]}"
        self._check()
        return "SIGSTOP, SIGCONT"

    def _woken(self, started: Started) -> str:
        second = self._run(self.setup.words(SECOND_SEED))
        judge_end(second, {REFUSED}, "a second run while the first is stopped")
        assert "another run" in second.err, second.one_line()
        started.send_all(signal.SIGCONT)
        judge_end(started.ended(), {0})
        assert started.all_ended(), "processes were left behind"
        self.again = False
        self._check()
        return "SIGSTOP, SIGCONT"

    def _run(self, words: list[str]) -> Ended:
        return run(words, self.out, self.log())

    def _recover(self) -> None:
        if self.again:
            ended = self._run(self.setup.words(SECOND_SEED))
            if ended.code == 0:
                judge_end(ended, {0}, "run again")
                return
            judge_end(ended, {REFUSED}, "run again")
            assert "--resume" in ended.err, f"run again: {ended.one_line()}"
            self.again = False
        while self.draw.random() < 0.25:  # a run can be killed again while it is resumed
            self._resume_killed()
        finish(self.setup, FIRST_SEED, self.out, self.log())

    def _resume_killed(self) -> None:
        number = 1 + int(self.draw.random() * self.reference.places["parent"])
        plan = Blow("parent", number, signal.SIGKILL, "group").plan()
        started = Started([*self.setup.words(FIRST_SEED), "--resume"], self.out, self.log(), plan)
        self._right_end(started.ended(), {-9} if started.struck() else {0, REFUSED})
        assert started.all_ended(), "processes of a resumed run were left behind"

    def _check(self) -> None:
        assert not locked(self.out), f"locks are held on {locked(self.out)}"
        if not self.again:
            wrong_files = unlike(self.setup, self.out, self.reference)
            assert not wrong_files, f"{len(wrong_files)} files are not those of an undisturbed run: {wrong_files[:5]}"
            return
        found = self.setup.contents(self.out)
        known = {shape(name) for name in self.reference.contents}
        strange = sorted(name for name in found if shape(name) not in known)
        assert not strange, f"{len(strange)} files that an undisturbed run has not: {strange[:5]}"
        rows = [self.setup.rows(folder) for folder in self.setup.folders(self.out)]
        wrong = [number for part in rows for number, row in part.items() if not fits(row)]
        assert not wrong, f"{len(wrong)} images have ink elsewhere than their labels say: {wrong[:5]}"
        if not self.setup.split:
            self._check_series(rows[0])

    def _check_series(self, rows: dict[int, Any]) -> None:
        """First images of the first run, then all of the second: each with its label as the seed makes it."""
        last = max(rows, default=0)
        first, second = expected(FIRST_SEED, 2 * self.setup.size), expected(SECOND_SEED, 2 * self.setup.size)
        new = [number for number in rows if same(rows[number], second[number - 1])]
        assert sorted(new) == list(range(last - self.setup.size + 1, last + 1)), (
            f"{len(new)} images up to number {last} are the second run's, which made {self.setup.size}"
        )
        wrong = [n for n in sorted(rows.keys() - set(new)) if not same(rows[n], first[n - 1])]
        assert not wrong, f"{len(wrong)} images are neither the first nor the second run's: {wrong[:5]}"


def judge(case: Case, references: References) -> str:
    """One run."""
    attack = _Attack(case, references)
    try:
        return attack.carry_out()
    except Exception as fault:
        kind = "" if isinstance(fault, AssertionError) else f"{type(fault).__name__}: "
        raise AssertionError(f"{attack}: {kind}{fault}") from None


CAMPAIGN = Campaign(
    "kills", "runs killed, ended or stopped at a place, then resumed or run again",
    "the same bytes as undisturbed; every image listed, every label true; no process, lock or temporary file left",
    short=24, long=500, run=with_references(FIRST_SEED, judge),
)  # fmt: skip
