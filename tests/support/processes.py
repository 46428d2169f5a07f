"""Other processes: who is there, and waiting until something has come about."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


def wait_until(true: Callable[[], object], seconds: float = 120) -> None:
    """Until `true()`. The limit is only there for a test that would wait for ever."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    """The processes that `pid` has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def cpu_seconds(pid: int) -> float:
    """The processor time that `pid` has taken: what it has worked, whatever else the machine does."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for_images(folder: Path, count: int = 1) -> None:
    """Until `folder` has `count` images."""
    wait_until(lambda: sum(1 for _ in folder.glob("*.png")) >= count)


def wait_for_end(processes: list[int]) -> None:
    """Until they are gone: they must not stay behind."""
    wait_until(lambda: not any(Path(f"/proc/{p}").exists() for p in processes))
