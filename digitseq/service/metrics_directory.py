"""Where the processes of one service put their numbers together: a temporary directory, locked while it is in use."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from fasteners import InterProcessLock

PREFIX, LOCK = "digitseq-metrics-", "lock"


@contextlib.contextmanager
def metrics_directory() -> Iterator[str]:
    """A new directory, removed at the end; those that killed services have left go first."""
    sweep()
    path, lock = _locked_directory()
    try:
        yield str(path)
    finally:
        _remove(path)
        lock.release()


def sweep() -> None:
    """Remove the directories of services that are no more: this user's own, and of these what the service made."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            lock = path / LOCK
            if _is_ours(path.lstat(), stat.S_ISDIR) and _is_ours(lock.lstat(), stat.S_ISREG):
                held = InterProcessLock(lock)
                if held.acquire(blocking=False):  # else its service is alive
                    try:
                        _remove(path)
                    finally:
                        held.release()


def _is_ours(found: os.stat_result, kind: Callable[[int], bool]) -> bool:
    return kind(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())


def _remove(path: Path) -> None:
    for file in path.glob("*.db"):  # prometheus_client's
        file.unlink()
    (path / LOCK).unlink()
    path.rmdir()


def _locked_directory() -> tuple[Path, InterProcessLock]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX))
        lock = InterProcessLock(path / LOCK)
        lock.acquire()
        if (path / LOCK).exists():  # else another start took it for a dead one's before it was locked
            return path, lock
        lock.release()
