"""What runs leave when nothing disturbs them, and the way back to that after something did."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .campaign import Case, Result, one_by_one
from .children import Ended
from .judge import REFUSED, judge_end
from .setups import Setup, fits
from .started import Started, run

AT_ONCE = 2  # runs beside each other


@dataclass
class Reference:
    """An undisturbed run. places: how many places each role has; named: what it touched, below the output folder."""

    contents: dict[str, bytes] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    named: frozenset[str] = frozenset()


def finish(setup: Setup, seed: int, out: Path, log: Path) -> Ended:
    """Finish a run that broke off as its message says: with --resume or, where nothing was begun, once more."""
    words = setup.words(seed)
    ended = run([*words, "--resume"], out, log)
    if ended.code == REFUSED and "no run to resume" in ended.err:
        ended = run(words, out, log.with_name(f"{log.name}-begun"))
    judge_end(ended, {0}, "resumed")
    return ended


def unlike(setup: Setup, out: Path, reference: Reference) -> list[str]:
    """The files that are not as an undisturbed run leaves them."""
    found, expected_files = setup.contents(out), reference.contents
    return sorted(n for n in found.keys() | expected_files.keys() if found.get(n) != expected_files.get(n))


class References:
    """Undisturbed runs with a seed, each made once. Can be asked by several threads."""

    def __init__(self, scratch: Path, seed: int) -> None:
        self._scratch, self._seed = scratch, seed
        self._lock = threading.Lock()
        self._found: dict[Setup, Reference] = {}

    def of(self, setup: Setup) -> Reference:
        with self._lock:
            if setup not in self._found:
                self._found[setup] = self._make(setup)
            return self._found[setup]

    def _make(self, setup: Setup) -> Reference:
        folder = Path(tempfile.mkdtemp(dir=self._scratch, prefix="reference-"))
        out = folder / "out"
        started = Started(setup.words(self._seed), out, folder / "log", {})
        ended = started.ended()
        assert (ended.code, ended.err) == (0, ""), f"undisturbed {setup}: {ended}"
        try:
            rows = [row for part in setup.folders(out) for row in setup.rows(part).values()]
        except AssertionError as fault:
            raise AssertionError(f"undisturbed {setup}: {fault}") from None
        assert len(rows) == setup.size, f"undisturbed {setup}: {len(rows)} images"
        assert all(fits(row) for row in rows), (
            f"undisturbed {setup}: images whose ink is elsewhere than their labels say"
        )
        places = {role: started.places(role) for role in ("parent", "worker")}
        return Reference(setup.contents(out), places, frozenset(_below(out, started.named())))


def _below(out: Path, paths: set[str]) -> Iterator[str]:
    """The paths that are in a run's folder, as seen from `out`; those that are relative are taken as seen from there."""
    for path in paths:
        inside = os.path.relpath(path, out) if path.startswith("/") else f"random/{path}"
        if inside.startswith("random/") and ".." not in inside.split("/"):
            yield inside


def with_references(
    seed: int, judge: Callable[[Case, References], str]
) -> Callable[[int, Iterable[int], Path], Iterator[Result]]:
    """The `run` of a campaign whose cases are compared with undisturbed runs with `seed`; see `one_by_one`."""

    def run_cases(drawn_by: int, numbers: Iterable[int], scratch: Path) -> Iterator[Result]:
        references = References(scratch, seed)
        yield from one_by_one(lambda case: judge(case, references), AT_ONCE)(drawn_by, numbers, scratch)

    return run_cases
