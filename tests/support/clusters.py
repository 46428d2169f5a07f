"""A Dask scheduler and its workers, as processes on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from .paths import ROOT
from .processes import wait_until


class DaskCluster:
    """A scheduler without workers, whose files are in `folder`. address: of the scheduler"""

    def __init__(self, folder: Path) -> None:
        self._folder, about = folder, folder / "scheduler.json"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start("dask_scheduler", None, "--port", "0", "--scheduler-file", str(about))
        wait_until(lambda: about.exists() and about.read_text().endswith("}"))
        self.address: str = json.loads(about.read_text())["address"]

    def add_worker(self, environment: Mapping[str, str] | None = None) -> None:
        """A worker with one thread."""
        words = (self.address, "--nthreads", "1", "--no-nanny", "--local-directory", str(self._folder))
        self.workers.append(self._start("dask_worker", environment, *words))

    def log(self) -> str:
        """What all processes have said."""
        return (self._folder / "log").read_text()

    def close(self) -> None:
        """End all processes."""
        for process in (self.scheduler, *self.workers):
            process.kill()
            process.wait()

    def _start(self, module: str, environment: Mapping[str, str] | None, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{module}", *words, "--host", "127.0.0.1", "--no-dashboard"]
        with open(self._folder / "log", "ab") as log:
            environment = environment or os.environ | {"PYTHONPATH": str(ROOT)}
            return subprocess.Popen(command, cwd=self._folder, env=environment, stdout=log, stderr=log)
