"""Which processes of a run are there, and waiting for them to end."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

PATIENT = 60.0  # seconds in which what must happen happens on any machine


def session(leader: int) -> list[int]:
    """The processes of a session that run or are stopped; those that have ended may wait for init to take note."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state not in "ZX":
                found.append(int(stat.parent.name))
    return found


def wait_until(holds: Callable[[], bool], seconds: float = PATIENT) -> bool:
    """Whether `holds` became true within a generous time."""
    deadline, pause = time.monotonic() + seconds, 0.001
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
    return True


def end_session(leader: int, seconds: float = 20.0) -> int:
    """Wait until the processes of a session have ended; returns how many had to be killed."""
    if wait_until(lambda: not session(leader), seconds):
        return 0
    left = session(leader)
    for process in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return len(left)
