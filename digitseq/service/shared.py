"""What all endpoints of an app have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from starlette.types import Receive

from digitseq.options import Option
from digitseq.service.limits import Limits
from digitseq.service.maker import InThisProcess
from digitseq.service.metrics import Metrics
from digitseq.service.pipeline_cache import PipelineCache
from digitseq.service.requests import RequestValues
from digitseq.service.scheduler import Scheduler
from digitseq.service.work_queue import WorkQueue
from digitseq.service.worker_processes import WorkerProcesses
from digitseq.service.worker_threads import WorkerThreads


@dataclass(frozen=True)
class Shared:
    """settings: as of `settings_within`

    threads: for what is found out in this process; making: has processes or threads make what is asked for
    """

    limits: Limits
    settings: Mapping[str, Option]
    metrics: Metrics
    work: Scheduler
    pipeline_cache: PipelineCache
    threads: WorkerThreads
    making: InThisProcess | WorkerProcesses

    async def await_lines(self, asked: RequestValues, queue: WorkQueue, receive: Receive, address: str) -> None:
        """Wait until the centre lines are found that a pen needs, if there is one. Raises as `WorkQueue.run`."""
        if "style" in asked.values:
            check = partial(self.threads.call, lambda check: self.pipeline_cache.check_lines(asked))
            await queue.run(check, receive, address)
