"""The figures of campaigns as a table, and each fault with the command that shows it again."""

from __future__ import annotations

from collections.abc import Iterable

from .campaign import Figures

SHOWN_FAULT = 600  # characters of a fault that are shown


def table(all_figures: Iterable[Figures]) -> str:
    """A Markdown table with a row for each campaign."""
    rows = ["| campaign | what must hold | cases | broken | outcomes |", "|---|---|--:|--:|---|"]
    for figures in all_figures:
        outcomes = ", ".join(f"{name} {count:,}" for name, count in figures.outcomes.most_common() if name != "broken")
        c = figures.campaign
        rows.append(f"| {c.unit} | {c.promise} | {figures.cases:,} | {len(figures.faults):,} | {outcomes} |")
    return "\n".join(rows)


def faults(figures: Figures) -> str:
    """Two lines a fault: what happened, and how to see it again."""
    return "\n".join(
        f"{figures.campaign.name} {fault.case}: {(fault.fault or '')[:SHOWN_FAULT]}\n    {figures.reproduce(fault)}"
        for fault in figures.faults
    )
