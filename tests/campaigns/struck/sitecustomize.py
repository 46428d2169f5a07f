"""Strikes at the n-th step of every Python process that has this folder on its path: see `campaigns.scene`.

A step is a request to a store (before and after), a batch that is about to be made, a part whose files are made, a
group of parts that is about to be published, or a change of a name in the folder of the run. Steps are counted over
all processes of a role: the owner of a run, or its workers.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

from digitseq.files import retries
from digitseq.files.object_store import ObjectStore
from digitseq.pipeline import Pipeline
from digitseq.runs import lease, workers
from digitseq.runs.owned_run import OwnedRun

PLAN = Path(os.environ["STRIKES_PLAN"])  # read at every step: workers of a cluster live longer than a run
ROLE = os.environ["STRIKES_ROLE"]
NAMES = frozenset(("os.rename", "os.remove", "os.mkdir", "os.rmdir"))
request, batch, make_files, publish = ObjectStore._request, Pipeline.batch, workers._make_files, OwnedRun.publish

if seconds := float(os.environ.get("STRIKES_LEASE", 0)):
    lease.EXPIRES, lease.SETTLED, lease.RENEWED = seconds, 0.7 * seconds, 0.1 * seconds
    retries.WAITS = retries.READ_WAITS = (0.1,)


def step(what: str, path: str = "") -> None:
    """Count a step, and strike if it is the one. path: if one is given, it counts only in the folder of the run."""
    role = "worker" if multiprocessing.parent_process() else ROLE
    try:
        plan = json.loads(PLAN.read_text())
        if not path.startswith(plan["out"] if path else ""):
            return
        log = os.open(f"{plan['log']}/{role}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    except FileNotFoundError:  # between two runs
        return
    try:
        os.write(log, b".")
        number = os.lseek(log, 0, os.SEEK_CUR)
    finally:
        os.close(log)
    for strike in plan["strikes"]:
        if (strike["role"], strike["number"]) == (role, number):
            with open(f"{plan['log']}/struck", "a") as said:
                said.write(f"{what} {number} of {role}\n")
            for victim in strike["victims"] or [os.getpid()]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim, strike["signal"])


def counted_request(self: ObjectStore, call: Any) -> Any:
    step("request")
    try:
        return request(self, call)
    finally:
        step("answer")


def counted_batch(self: Pipeline, start: int, stop: int, *more: Any, **options: Any) -> Any:
    step("batch")
    return batch(self, start, stop, *more, **options)


def counted_files(*arguments: Any) -> Any:
    made = make_files(*arguments)
    step("part")
    return made


def counted_publish(self: OwnedRun, *arguments: Any) -> Any:
    step("publishing")
    return publish(self, *arguments)


def counted_name(event: str, arguments: tuple[Any, ...]) -> None:
    if event in NAMES and ROLE == "owner":
        step(event, os.fsdecode(arguments[-3 if event == "os.rename" else 0]))


ObjectStore._request = counted_request  # type: ignore[method-assign]
Pipeline.batch = counted_batch  # type: ignore[method-assign]
workers._make_files = counted_files
OwnedRun.publish = counted_publish  # type: ignore[method-assign]
sys.addaudithook(counted_name)
