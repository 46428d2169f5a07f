"""A Dask cluster as the executor of a run: one that is running somewhere, or one of processes started here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, wait
from functools import partial
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, TypeVar

from digitseq.errors import DigitseqWarning, SettingsError, one_line
from digitseq.lazy_imports import import_package
from digitseq.runs.executor import POLL_SECONDS, Crew
from digitseq.runs.run_settings import LOCAL, Output
from digitseq.runs.workers import Stop

T = TypeVar("T")

CONNECT_SECONDS = 10.0  # in which a scheduler must answer
WORKER_SECONDS = 5.0  # without a worker, after which that is said
CLOSE_SECONDS = 2.0  # that a scheduler gets to say good-bye
ASK_SECONDS = 5.0  # after which the cluster is asked again how many workers it has
# A cluster of this machine would drop each worker that is not there so long after a death: one that has died again, and
# is just being restarted. It would never come back, and the run wait for ever.
KEEP_LOST_WORKERS = {"distributed.deploy.lost-worker-timeout": "1000 days"}
SILENT = logging.CRITICAL + 1
_LOGGERS = ("distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application", "asyncio")


@contextlib.contextmanager
def connected(output: Output, stop: Stop) -> Iterator[Crew]:
    """The cluster of `output.dask`, until the block ends; one that was started here ends, too.

    It waits for the first worker. Raises `SettingsError` when no scheduler answers, `MissingPackageError` without Dask,
    and `KeyboardInterrupt` after `stop`: nothing was written yet.
    """
    distributed = _import_quietly()
    with contextlib.ExitStack() as cleanup:
        address = output.dask or LOCAL
        if address == LOCAL:
            cleanup.enter_context(import_package("dask.config", "dask", "distributed").set(KEEP_LOST_WORKERS))
            # removed in the end with what killed workers leave there
            scratch = cleanup.enter_context(TemporaryDirectory(prefix="digitseq-", ignore_cleanup_errors=True))
            cluster = _unless(stop, partial(_start, distributed, output.multi_core or -1, scratch))
            cleanup.callback(_end, cluster)
            address = cluster.scheduler_address
        client = _unless(stop, partial(_connect, distributed, address))
        cleanup.callback(_close, client)
        threads = _Threads(client)
        _wait_for_worker(threads, address, stop)
        yield Crew(_Tasks(client), threads)


def _unless(stop: Stop, call: Callable[[], T]) -> T:
    """What `call` returns. It may wait for others, and so runs in a thread that is left behind after `stop`."""
    answer = Future[T]()

    def run() -> None:
        try:
            answer.set_result(call())
        except Exception as error:
            answer.set_exception(error)

    Thread(target=run, daemon=True).start()
    while not stop.signal:
        if wait([answer], POLL_SECONDS).done:
            return answer.result()
    raise KeyboardInterrupt(stop.signal)


def _connect(distributed: Any, address: str) -> Any:
    try:
        # a client without them fails with a traceback, and takes 20 s to end
        if address.startswith("tls://") and not distributed.Security().get_connection_args("client").get("ssl_context"):
            raise ValueError("Dask's configuration has no certificates in distributed.comm.tls")
        # not the default of this process: whoever uses Dask beside it has his own
        return distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False, name="digitseq")
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        raise SettingsError(
            f"dask: no scheduler answers at {address} ({one_line(error, 120)}): start one with `dask scheduler`, or "
            "give the address that it prints",
            "dask",
        ) from None


def _import_quietly() -> Any:
    """The package `distributed`. Unless somebody else uses it here, nothing of its log gets between our lines."""
    if "distributed" in sys.modules:
        return sys.modules["distributed"]
    found = import_package("distributed", "dask")
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(SILENT)
    return found


def _start(distributed: Any, count: int, scratch: str) -> Any:
    """A cluster of `count` processes on this machine, -1: one per core. scratch: a directory for temporary files"""
    return distributed.LocalCluster(
        n_workers=(os.cpu_count() or 1) if count == -1 else count,
        threads_per_worker=1,
        processes=True,
        dashboard_address="127.0.0.1:0",  # None takes a fixed port, which another run may have
        scheduler_kwargs={"dashboard": False},
        memory_limit=0,
        local_directory=scratch,
        env={"TMPDIR": scratch},
        silence_logs=SILENT,
    )


def _end(cluster: Any) -> None:
    """End a cluster that `_start` has started. Its processes are killed: they would finish their parts first."""
    for nanny in list(cluster.workers.values()):
        with contextlib.suppress(AttributeError, TypeError, OSError):  # it has no process at the moment
            nanny.auto_restart = False
            os.kill(nanny.pid, signal.SIGKILL)
    _close(cluster)


def _close(client_or_cluster: Any) -> None:
    with contextlib.suppress(Exception):  # of whatever kind: the scheduler may have gone in the middle of a word
        client_or_cluster.close(timeout=CLOSE_SECONDS)


class _GoneError(CancelledError):
    """The scheduler has gone. Not the plain class, of which asyncio makes its own, which is no `Exception`."""


class _Tasks(Executor):
    """The tasks of a client.

    Dask's own executor has futures that never end: those of a result that is lost with its worker, when the task fails
    as it is repeated.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._closed = sys.modules["distributed"].comm.CommClosedError  # the scheduler has just gone

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        # pure=False: two tasks are never one, whatever their arguments
        task = self._client.submit(fn, *args, **kwargs, pure=False)
        return asyncio.run_coroutine_threadsafe(self._result(task), self._client.loop.asyncio_loop)

    async def _result(self, task: Any) -> Any:
        try:
            return await self._client.gather(task, asynchronous=True)
        except self._closed:
            raise _GoneError from None
        finally:
            task.release()  # which is cancelled, if it still runs


class _Threads:
    """How many threads the workers of a cluster have. Asking takes no time: what is said is a few seconds old."""

    def __init__(self, client: Any) -> None:
        self._client, self._count, self._asked = client, 0, 0.0
        self._answer: Future[dict[str, int]] | None = None

    def __call__(self) -> int:
        if self._answer is not None and self._answer.done():
            with contextlib.suppress(Exception):
                before, self._count = self._count, sum(self._answer.result().values())
                if before and not self._count:
                    warnings.warn("the cluster has no worker any more: waiting for one", DigitseqWarning, stacklevel=2)
            self._answer = None
        if self._answer is None and time.monotonic() > self._asked + (ASK_SECONDS if self._count else 0):
            loop, self._asked = self._client.loop.asyncio_loop, time.monotonic()
            self._answer = asyncio.run_coroutine_threadsafe(self._client.scheduler.ncores(), loop)
        return self._count


def _wait_for_worker(count: Callable[[], int], address: str, stop: Stop) -> None:
    """Wait for the first worker, however long that takes: jobs that start workers may be queued."""
    warn_at = time.monotonic() + WORKER_SECONDS
    while not count():
        if stop.signal:
            raise KeyboardInterrupt(stop.signal)
        if time.monotonic() > warn_at:
            warn_at = math.inf
            warnings.warn(
                f"the cluster at {address} has no worker yet: waiting for one; start some with dask worker {address}",
                DigitseqWarning,
                stacklevel=2,
            )
        time.sleep(0.05)
