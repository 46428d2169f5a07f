"""What `--status` prints."""

from __future__ import annotations

from digitseq.runs.status import FINISHED, NOT_BEGUN, RunStatus
from digitseq.shell.dry_run import time_text

COUNTS = (1, 2)  # columns that are aligned at their right


def status_lines(found: list[RunStatus]) -> str:
    """A line for each run, in columns; parts in a row that have not begun have one line; a last line for all."""
    rows = [_row(group) for group in _groups(found)]
    if len(found) > 1:
        done = sum(each.state == FINISHED for each in found)
        rows.append(["total", *_counts(found), f"{done:,} of {len(found):,} finished", "", "", ""])
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place in COUNTS else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    )


def _groups(found: list[RunStatus]) -> list[list[RunStatus]]:
    """The runs one by one, but parts in a row that have not begun together."""
    groups = list[list[RunStatus]]()
    for each in found:
        last = groups[-1][-1] if groups else None
        if last and each.state == last.state == NOT_BEGUN and each.folder.parent == last.folder.parent:
            groups[-1].append(each)
        else:
            groups.append([each])
    return groups


def _row(group: list[RunStatus]) -> list[str]:
    first, last = group[0], group[-1]
    name = str(first.folder) if first is last else f"{first.folder} to {last.folder.name}"
    seed = "" if first.seed is None else f"seed {first.seed}"
    age = "" if first.age is None else f"{time_text(first.age)} ago"
    sections = ", ".join(f"{part} {images:,} of {wanted:,}" for part, (images, wanted) in first.sections.items())
    return [name, *_counts(group), first.state, seed, age, sections]


def _counts(found: list[RunStatus]) -> tuple[str, str]:
    """How many images are finished, and what share, rounded down: 100 % are all."""
    images, wanted = sum(each.images for each in found), sum(each.wanted for each in found)
    return f"{images:,} of {wanted:,} images", f"{100 * images // max(wanted, 1)} %"
