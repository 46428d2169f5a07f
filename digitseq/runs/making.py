"""Who makes the parts of a run: this process, several of its own, an executor, or a cluster."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Generator, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from digitseq.formats.parts import Receipt
from digitseq.runs.manifest import parts_of
from digitseq.runs.owned_run import OwnedRun
from digitseq.runs.run_settings import LOCAL, Output
from digitseq.runs.workers import MAX_PROCESSES, Stop, make_here

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from digitseq.runs.executor import Crew

TOGETHER = 1.0  # seconds


@contextlib.contextmanager
def crew_of(output: Output, executor: Executor | None, stop: Stop) -> Iterator[Crew | None]:
    """Who makes the parts, if it is not this process or its own. Raises as `dask_cluster.connected` does."""
    if (executor is None and output.dask is None) or (output.dry_run and output.dask in (None, LOCAL)):
        yield None
    elif executor is None:
        from digitseq.runs.dask_cluster import connected

        with connected(output, stop) as crew:
            yield crew
    else:
        from digitseq.runs.executor import Crew

        yield Crew.of(executor)


def make_parts(
    run: OwnedRun, stage: Path, output: Output, stop: Stop, crew: Crew | None
) -> Generator[Receipt, None, None]:
    """Make the missing parts, by `crew` or in as many processes as are wanted and of use.

    Yields their receipts in order.
    """
    missing = islice(parts_of(run.sections), run.finished, None)
    if crew:
        from digitseq.runs.executor import make_by_executor
        from digitseq.runs.work import write_work

        order = write_work(stage, run.jobs, output, stop.requested)
        return make_by_executor(crew, order, missing, stop)
    first = list(islice(missing, processes(output)))  # no more processes than parts
    parts = chain(first, missing)
    if len(first) <= 1:
        return make_here(run.format, run.jobs, stage, parts, stop)

    from digitseq.runs.pool import make_in_processes  # a single image starts sooner without

    if run.folder.appends:
        run.link_directories(stage)
    return make_in_processes(run.format, run.jobs, stage, parts, stop, len(first))


def processes(output: Output) -> int:
    """How many processes of its own a run uses."""
    if output.multi_core == -1 or (output.dask == LOCAL and not output.multi_core):
        return min(os.cpu_count() or 1, MAX_PROCESSES)
    return max(output.multi_core or 1, 1)


def together(receipts: Iterator[Receipt], at_once: int) -> Iterator[list[Receipt]]:
    """Groups of `receipts` that are published together: those that have come within a second or so."""
    group, since = list[Receipt](), -math.inf
    for receipt in receipts:
        group.append(receipt)
        if len(group) >= at_once or time.monotonic() > since + TOGETHER:
            yield group
            group, since = [], time.monotonic()
    if group:
        yield group
