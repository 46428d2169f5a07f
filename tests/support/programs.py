"""`run.py` in a process of its own, without the time that Python takes to start and to import its packages.

A server that has imported them forks a process for each call, which then runs the script from its first line.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from multiprocessing.context import ForkServerContext
from pathlib import Path

from .paths import ROOT

SCRIPT = str(ROOT / "run.py")
PACKAGES = ["numpy", "cv2", "digitseq.shell.cli", "digitseq.augment.registry", "support.programs"]


def fork_server() -> ForkServerContext:
    """A context whose processes have imported `PACKAGES`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PACKAGES)
    return context


def run_script(
    context: ForkServerContext, arguments: list[str], cwd: Path, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """`run.py` with `arguments` in directory `cwd`, to its end. Raises `subprocess.TimeoutExpired`."""
    command = [SCRIPT, *arguments]
    with tempfile.NamedTemporaryFile("r+") as out, tempfile.NamedTemporaryFile("r+") as err:
        process = context.Process(target=_script, args=(command, str(cwd), dict(os.environ), out.name, err.name))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(command, timeout)
        return subprocess.CompletedProcess(command, process.exitcode, out.read(), err.read())


def _script(command: list[str], cwd: str, environment: dict[str, str], out: str, err: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    for number, path in ((0, os.devnull), (1, out), (2, err)):
        os.dup2(os.open(path, os.O_RDWR), number)
    sys.stdin, sys.argv = open(0, closefd=False), command  # noqa: SIM115  # open until the process ends
    runpy.run_path(SCRIPT, run_name="__main__")
