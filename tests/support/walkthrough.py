"""Somebody who does what example/cluster/README.md says, with a cluster and a store on this machine."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from .paths import ROOT

EXAMPLE = ROOT / "example" / "cluster"
LIMIT = 120  # seconds: only there for what would wait for ever
FEW = "-s 1000 --shard_size 100"  # instead of a million images in shards of 10,000
ONLY_HERE = "--host 127.0.0.1 --no-dashboard"
STAND_INS = {
    "python3": f'exec {shlex.quote(sys.executable)} "$@"',
    "digitseq": f'exec {shlex.quote(sys.executable)} -m digitseq "$@"',
    "dask": f'exec {shlex.quote(sys.executable)} -m dask "$@"',
    "scontrol": 'echo "$@" >> scontrol.log',
}


class Walkthrough:
    """The README followed in `folder`, a copy of its example in it; s3://bucket is `place`."""

    def __init__(self, folder: Path, place: str) -> None:
        self.folder, self.place = folder, place
        self._running: list[subprocess.Popen[bytes]] = []
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        self._here = {
            "--port 8786": f"--port {port}", "10.0.0.5:8786": f"127.0.0.1:{port}",
            "s3://bucket": place, "/shared/": f"{folder}/shared/",
            "-s 1000000": FEW, "--resume -m 4": "--resume -m 1", '1_000_000, "webdataset"': '1000, "webdataset", shard_size=100',
        }  # fmt: skip
        (folder / "bin").mkdir()
        for name, command in STAND_INS.items():
            (folder / "bin" / name).write_text(f"#!/bin/sh\n{command}\n")
            (folder / "bin" / name).chmod(0o755)
        (folder / "example" / "cluster").mkdir(parents=True)
        for path in EXAMPLE.iterdir():
            if path.is_file():
                (folder / "example" / "cluster" / path.name).write_text(self._as_here(path.read_text(encoding="utf-8")))
        path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        self.environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}

    def follow(self, line: str) -> None:
        """Do what a line of a shell block says."""
        match line.split():
            case ["pip" | "export", *_]:  # the packages are installed, and the store is in the environment
                pass
            case ["dask", *_]:
                self._start(self._as_here(line))
            case ["sbatch", script]:
                size = array_size((self.folder / script).read_text())
                self._run_each(f"bash {script}", [slurm(number) for number in range(1, size + 1)])
            case ["kubectl", "apply", "-f", job]:
                self._apply((self.folder / job).read_text())
            case _:
                self.run(self._as_here(line))

    def run(self, command: str, environment: dict[str, str] | None = None) -> str:
        """What a command prints, which must succeed and complain of nothing."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command], cwd=self.folder, env=self.environment | (environment or {}),
            capture_output=True, text=True, timeout=LIMIT, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), (command, done.stdout, done.stderr)
        return done.stdout

    def close(self) -> None:
        """End the workers, which end their processes, and then the scheduler."""
        for process in reversed(self._running):
            process.terminate()
            process.wait(LIMIT)

    def _as_here(self, text: str) -> str:
        for there, here in self._here.items():
            text = text.replace(there, here)
        return text

    def _start(self, command: str) -> None:
        words = [*shlex.split(command), *shlex.split(ONLY_HERE)]
        with open(self.folder / "dask.log", "ab") as log:
            self._running.append(
                subprocess.Popen(
                    [str(self.folder / "bin" / words[0]), *words[1:]],
                    cwd=self.folder, env=self.environment | {"TMPDIR": str(self.folder)}, stdout=log, stderr=log,
                )
            )  # fmt: skip

    def _apply(self, job: str) -> None:
        """What Kubernetes does with an indexed job."""
        spec = pytest.importorskip("yaml").safe_load(job)["spec"]
        (container,) = spec["template"]["spec"]["containers"]
        command = shlex.join([*container["command"], *container["args"]])
        self._run_each(command, [{"JOB_COMPLETION_INDEX": str(index)} for index in range(spec["completions"])])

    def _run_each(self, command: str, environments: list[dict[str, str]]) -> None:
        """Run tasks, two at once, the last ones first: no task may need another."""
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(partial(self.run, command), reversed(environments)))


def array_size(script: str) -> int:
    """How many tasks a Slurm script has."""
    (line,) = (line for line in script.splitlines() if line.startswith("#SBATCH --array="))
    first, last = line.partition("=")[2].split("-")
    assert first == "1"
    return int(last)


def slurm(number: int) -> dict[str, str]:
    """What Slurm has in the environment of a task of an array."""
    return {"SLURM_ARRAY_TASK_ID": str(number), "SLURM_CPUS_PER_TASK": "2", "SLURM_JOB_ID": str(700 + number)}
