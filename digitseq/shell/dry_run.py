"""What `--dry_run` prints."""

from __future__ import annotations

from digitseq.formats import FORMATS
from digitseq.runs import Report
from digitseq.runs.estimate import BLOCK, Estimate
from digitseq.runs.run_settings import LOCAL, Output

UNITS = ("bytes", "kB", "MB", "GB", "TB")


def dry_run_lines(report: Report, estimate: Estimate, output: Output) -> str:
    """A line for each thing that would be made, or needed."""
    if not estimate.images:
        return f"{report.folder}: the last run is already complete; nothing would be made"
    files = "shards" if "shard_size" in FORMATS[output.format].options else "files"
    rows = {
        "folder": str(report.folder),
        "images": f"{estimate.images:,}",
        files: f"{estimate.files:,}, beside digitseq's record of the run and its card",
        "size": _size_line(estimate),
        "time": _time_line(estimate, output.dask not in (None, LOCAL)),
        "memory": _memory_line(estimate),
        "texts": ", ".join(estimate.texts) + ", ..." * (estimate.images > len(estimate.texts)),
        "seed": f"{report.seed}; with --seed {report.seed} the run makes these images",
    }
    width = max(map(len, rows)) + 2
    head = f"dry run, nothing was written; measured on {estimate.sample:,} images in memory"
    return "\n".join([head, *(f"{name:{width}}{said}" for name, said in rows.items())])


def _size_line(estimate: Estimate) -> str:
    line = f"about {size_text(estimate.size)}"
    if estimate.on_disk > 1.2 * estimate.size:
        line += f", {size_text(estimate.on_disk)} on a disk with blocks of {BLOCK:,} bytes"
    if estimate.free is None:
        return line
    free = size_text(estimate.free)
    return line + (
        f", more than the {free} that are free" if estimate.on_disk > estimate.free else f"; {free} are free"
    )


def _time_line(estimate: Estimate, cluster: bool) -> str:
    where = f"{estimate.processes:,} processes" if estimate.processes > 1 else "one process"
    what = "the store takes" if estimate.free is None else "the disk takes to create the files"
    as_fast = " of the cluster, if they are as fast as this machine" * cluster
    return f"about {time_text(estimate.seconds)} in {where}{as_fast}, and what {what}"


def _memory_line(estimate: Estimate) -> str:
    if estimate.memory is None:
        return "unknown on this system"
    many = estimate.processes > 1
    each = f" for each of {estimate.processes + 1:,} processes, part of it shared" if many else ""
    return f"about {size_text(estimate.memory)}{each}"


def size_text(size: float) -> str:
    """A number of bytes with two or three digits and a unit."""
    unit = 0
    while size >= 1000 and unit + 1 < len(UNITS):
        size, unit = size / 1000, unit + 1
    return f"{size:,.1f} {UNITS[unit]}" if unit and size < 100 else f"{size:,.0f} {UNITS[unit]}"


def time_text(seconds: float) -> str:
    """A duration as its largest unit says it best."""
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:.1f} seconds"
