"""Other processes: who is there, and waiting until something has come about."""

from __future__ import annotations

import time
from pathlib import Path


def children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def wait_for_images(folder: Path, count: int = 1) -> None:
    deadline = time.monotonic() + 60
    while not folder.exists() or sum(1 for _ in folder.glob("*.png")) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_for_end(processes: list[int]) -> None:
    """They must not stay behind."""
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{p}").exists() for p in processes):
        assert time.monotonic() < deadline
        time.sleep(0.01)
