"""How much memory this process may still take."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
# limit and use of version 2 and of version 1 of Linux's control groups, as they look from inside a container
_CGROUP_FILES = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def available_memory(cgroup: Path = _CGROUP) -> int | None:
    """Bytes that are free on the machine and within the container's limit; None where the system does not say."""
    known = [free for free in (_machine_memory(), _container_memory(cgroup)) if free is not None]
    return min(known, default=None)


def _machine_memory() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def _container_memory(cgroup: Path) -> int | None:
    for limit, used in _CGROUP_FILES:
        try:
            # what the page cache holds counts as used, although it can be given back: the result errs low
            return max(int((cgroup / limit).read_text()) - int((cgroup / used).read_text()), 0)
        except (OSError, ValueError):  # "max": no limit
            continue
    return None
