"""The short form of every campaign, and that a campaign would notice: `python -m pytest tests/campaigns`."""

from __future__ import annotations

import pytest

from . import report
from .campaign import Campaign, Result, carry_out, one_by_one
from .catalogue import CAMPAIGNS
from .children import Ended, Limits, in_child
from .judge import judge_end
from .places import Places


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_nothing_breaks(name):
    campaign = CAMPAIGNS[name]
    figures = carry_out(campaign, range(campaign.short))
    assert figures.cases == campaign.short
    assert not figures.faults, f"\n{report.faults(figures)}"


def test_a_fault_is_counted_and_can_be_shown_again(tmp_path):
    def judge(case):
        assert case.draw().random() == case.draw().random()
        if case.number == 2:
            raise AssertionError("two is wrong")
        return "fine"

    figures = carry_out(Campaign("sample", "samples", "not two", 4, 4, one_by_one(judge)), range(4), seed=5)
    assert figures.outcomes == {"fine": 3, "broken": 1}
    assert figures.faults == [Result(2, "broken", "two is wrong")]
    assert figures.reproduce(figures.faults[0]) == "python -m tests.campaigns sample --seed 5 --case 2"
    assert "| samples | not two | 4 | 1 | fine 3 |" in report.table([figures])


@pytest.mark.parametrize(
    ("code", "err", "fault"),
    [
        (0, "digitseq: error: x\n", "1 lines with exit code 0"),
        (2, "", "0 lines with exit code 2"),
        (2, "digitseq: error: x\ny\n", "2 lines"),
        (2, "digitseq: error: \x1b[2J\n", "control characters"),
        (1, "Traceback (most recent call last):\n", "traceback"),
        (-9, "", "exit code -9"),
        (None, "", "time limit"),
    ],
)
def test_what_is_no_good_end(code, err, fault):
    with pytest.raises(AssertionError, match=fault):
        judge_end(Ended(code, "", err), {0, 2})


def test_children_are_held_to_their_limits(tmp_path):
    def greedy():
        return len(bytearray(1 << 30)) and 0

    def endless():
        while True:
            pass

    assert "MemoryError" in in_child(greedy, tmp_path, Limits(memory=100 << 20)).err
    assert in_child(endless, tmp_path, Limits(cpu=1)).code < 0
    ended = in_child(lambda: print("said") or 3, tmp_path, Limits())
    assert (ended.code, ended.out, ended.err) == (3, "said\n", "")


def test_half_of_what_is_written_at_the_place_is_there_when_it_is_struck(tmp_path):
    struck = []
    plan = {
        "out": str(tmp_path / "out"),
        "log": str(tmp_path),
        "role": "worker",
        "number": 2,
        "signal": 0,
        "victim": "self",
    }
    places = Places(plan)
    places.strike = lambda what: struck.append((tmp_path / "out").read_bytes())
    with open(tmp_path / "out", "wb", buffering=0) as file:
        for data in (b"1234", b"abcd"):
            rest = memoryview(data)
            while rest:
                rest = rest[places.written_by_halves(file.write, rest, "write") :]
    assert struck == [b"1234ab"]
    assert (tmp_path / "out").read_bytes() == b"1234abcd"
