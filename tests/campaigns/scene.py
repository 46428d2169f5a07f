"""What runs beyond one machine need: a cluster, a store, and a plan by which any of their processes is struck."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from support.clusters import DaskCluster
from support.object_store import ObjectStore, object_store

from .children import Ended
from .processes import wait_until
from .started import LONGEST, ROOT, Started

STRUCK = Path(__file__).with_name("struck")
WORKERS = 2
LEASE = 4.0  # seconds, instead of 60, until a store's owner is taken for dead
MOST_WORKERS = 30


@dataclass(frozen=True)
class Strike:
    """A signal at the `number`-th step, from 1, of a role, "owner" or "worker": see `struck`.

    victims: processes, none: the one that takes the step; 0: its group
    """

    role: str
    number: int
    signal: int = signal.SIGKILL
    victims: tuple[int, ...] = ()


class Scene:
    """One for all cases of a campaign. plan: the file that every process reads at every step."""

    def __init__(self, scratch: Path, cleanup: ExitStack) -> None:
        self._scratch, self._cleanup = scratch, cleanup
        self._cluster: DaskCluster | None = None
        self._store: ObjectStore | None = None
        self._plan = scratch / "plan"
        cleanup.callback(self.lose_cluster)

    @property
    def cluster(self) -> DaskCluster:
        """A scheduler and its workers."""
        if self._cluster is None:
            assert self.store  # its workers know the store from their environment
            self._cluster = DaskCluster(Path(tempfile.mkdtemp(dir=self._scratch, prefix="dask-")))
            self.keep_up()
        return self._cluster

    def keep_up(self) -> None:
        """Start workers in the place of those that have died."""
        if self._cluster is None:
            return
        alive = [worker for worker in self._cluster.workers if worker.poll() is None]
        assert len(self._cluster.workers) < MOST_WORKERS, f"workers die again and again: {self._cluster.log()[-2000:]}"
        for _ in range(WORKERS - len(alive)):
            self._cluster.add_worker(os.environ | self.environment("worker"))

    def lose_cluster(self) -> None:
        """End it; the next has another address."""
        if self._cluster is not None:
            self._cluster.close()
        self._cluster = None

    def cluster_processes(self) -> tuple[int, ...]:
        """All of them, the scheduler first."""
        workers = [worker for worker in self.cluster.workers if worker.poll() is None]
        return (self.cluster.scheduler.pid, *(worker.pid for worker in workers))

    @property
    def store(self) -> ObjectStore:
        """An S3 server, which this process and all that it starts can reach."""
        if self._store is None:
            self._store = self._cleanup.enter_context(object_store())
            os.environ.update(self._store.environment)
            self._cleanup.callback(lambda names: [os.environ.pop(name) for name in names], self._store.environment)
        return self._store

    def environment(self, role: str, lease: float | None = None) -> dict[str, str]:
        """That of a process. lease: how long that of an owner lasts, in seconds"""
        path = f"{STRUCK}{os.pathsep}{ROOT}"
        more = {"STRIKES_LEASE": str(lease)} if lease else {}
        return {"PYTHONPATH": path, "STRIKES_PLAN": str(self._plan), "STRIKES_ROLE": role, **more}

    @contextmanager
    def planned(self, strikes: Iterable[Strike], out: Path | str, log: Path) -> Iterator[None]:
        """A block in which the strikes are made. log: a new directory for what is counted"""
        log.mkdir()
        plan: dict[str, Any] = {"out": str(out), "log": str(log), "strikes": [asdict(strike) for strike in strikes]}
        new = self._plan.with_suffix(".new")
        new.write_text(json.dumps(plan))
        new.rename(self._plan)
        try:
            yield
        finally:
            self._plan.unlink()

    def ends(self, runs: Sequence[Started]) -> list[Ended]:
        """Wait for the end of all these runs; workers that die meanwhile are replaced."""

        def all_ended() -> bool:
            scheduler = self._cluster and self._cluster.scheduler.poll()
            if scheduler is None:
                self.keep_up()
            return all(run.process.poll() is not None for run in runs)

        wait_until(all_ended, LONGEST)
        return [run.ended() for run in runs]


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[bool]:
    """A disk of `size` bytes at `folder`, until the block ends. False where this user may not mount any."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def enlarge(folder: Path, size: int) -> None:
    """Give it room."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)
