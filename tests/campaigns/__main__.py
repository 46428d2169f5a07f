"""Run campaigns by hand: `python -m tests.campaigns [NAME ...] [--long]`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is loaded: children are forked from one thread
sys.path.insert(0, str(Path(__file__).parents[1]))  # for tests/support, as pytest has it

from . import report
from .campaign import SEED, Campaign, Figures, Result, carry_out
from .catalogue import CAMPAIGNS


def main(argv: list[str] | None = None) -> int:
    """The exit code: 0 when nothing broke."""
    parser = argparse.ArgumentParser("python -m tests.campaigns", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CAMPAIGNS)} (default: all)")
    parser.add_argument(
        "--long", action="store_true", help="the long form, whose figures tests/campaigns/README.md quotes"
    )
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--cases", type=int, help="how many cases of each, instead of those of the short or long form")
    parser.add_argument("--case", type=int, action="append", help="only this case, repeatable")
    given = parser.parse_args(argv)
    if unknown := set(given.names) - set(CAMPAIGNS):
        parser.error(f"unknown campaign {', '.join(unknown)}; there are {', '.join(CAMPAIGNS)}")
    chosen = [CAMPAIGNS[name] for name in given.names or CAMPAIGNS]
    with tempfile.TemporaryDirectory() as cache:
        os.environ["DIGITSEQ_CACHE"] = cache
        all_figures = [_one(campaign, given) for campaign in chosen]
    print(report.table(all_figures))
    return int(any(figures.faults for figures in all_figures))


def _one(campaign: Campaign, given: argparse.Namespace) -> Figures:
    count = given.cases or (campaign.long if given.long else campaign.short)
    numbers = given.case or range(count)
    began, done = time.monotonic(), 0

    def tell(result: Result) -> None:
        nonlocal done
        done += 1
        if result.fault or done % 100 == 0:
            print(
                f"{campaign.name} {done}/{len(numbers)}: {result.fault or result.outcome}", file=sys.stderr, flush=True
            )

    figures = carry_out(campaign, numbers, given.seed, tell)
    print(f"{campaign.name}: {figures.cases} cases, seed {figures.seed}, {time.monotonic() - began:.0f} s", flush=True)
    if figures.faults:
        print(report.faults(figures), flush=True)
    return figures


if __name__ == "__main__":
    sys.exit(main())
