"""Runs under limits of memory, open files and sizes of files: they end, and can be finished without the limits."""

from __future__ import annotations

from dataclasses import replace

from .campaign import Campaign, Case
from .judge import BROKEN_OFF, REFUSED, judge_end
from .references import References, finish, unlike, with_references
from .setups import Setup
from .started import Started

SEED = 7
# (what `ulimit` is given, processes); the first two are known to have hung
KNOWN = ((("-v", "150000"), 2), (("-n", "40"), 32))


def judge(case: Case, references: References) -> str:
    """One run under a limit, and its end without."""
    draw = case.draw()
    setup = Setup.drawn(draw)
    if case.number < len(KNOWN):
        ulimit, cores = KNOWN[case.number]
    else:
        kind = draw.choice("vvnnf")
        value = {"v": draw.randrange(150_000, 700_000), "n": draw.randrange(12, 80), "f": draw.choice((1, 3, 30, 300))}[
            kind
        ]
        ulimit, cores = (f"-{kind}", str(value)), draw.choice((0, 2, 4, 32))
    setup = replace(setup, cores=cores)
    about = f"{setup}, ulimit {' '.join(ulimit)}"
    reference = references.of(replace(setup, cores=0))  # processes do not change what is made
    out = case.folder / "out"
    started = Started(setup.words(SEED), out, case.folder / "log", ulimit=ulimit)
    ended = started.ended()
    assert started.all_ended(), f"{about}: processes were left behind"
    outcome = judge_end(ended, {0, BROKEN_OFF, REFUSED}, about)
    if ended.code == REFUSED:
        assert not out.exists() or not any(p.is_file() for p in out.rglob("*.png")), (
            f"{about}: refused, but images were written"
        )
    try:
        finish(setup, SEED, out, case.folder / "finished")
    except AssertionError as fault:
        raise AssertionError(f"{about}: {ended.one_line()}: {fault}") from None
    wrong = unlike(setup, out, reference)
    assert not wrong, f"{about}: finished, {len(wrong)} files are not those of an undisturbed run: {wrong[:5]}"
    return outcome


CAMPAIGN = Campaign(
    "limits", "runs under `ulimit -v`, `-n`, `-f`", "it ends, in one line; finished without the limit it has the same bytes",
    short=12, long=100, run=with_references(SEED, judge),
)  # fmt: skip
