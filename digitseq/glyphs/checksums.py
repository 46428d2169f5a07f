"""sha256 sums of files: checking them, and remembering those of files that have not changed since."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from pathlib import Path

from digitseq.errors import DataError
from digitseq.files.atomic import replacing
from digitseq.files.regular import open_regular, read_regular

_MOST_BYTES = 1 << 20  # of remembered sums
_SETTLED_NS = 2 * 10**9  # a file changed later than this before it was read may change again within its time stamp


def sum_of(path: Path) -> str:
    """The sha256 of a file, hex. Raises `OSError`."""
    found = hashlib.sha256()
    with open_regular(path) as file:
        while data := file.read(1 << 20):
            found.update(data)
    return found.hexdigest()


def check_sum(path: Path, sha256: str, remedy: str) -> None:
    """Raises `DataError` with `remedy` when the file does not have this sum, `OSError` when it cannot be read."""
    found = sum_of(path)
    if found != sha256:
        raise DataError(f"{path} is damaged (sha256 {found[:12]}…, expected {sha256[:12]}…): {remedy}")


def known_sums(paths: list[Path], memory: Path) -> list[str]:
    """The sha256 of each file; those whose size and time have not changed come out of the JSON file `memory`.

    Raises `OSError` when a file cannot be read; `memory` is best effort.
    """
    before = _remembered(memory)
    now = {str(path): _stamp(path, before.get(str(path))) for path in paths}
    if now != before:
        with contextlib.suppress(OSError):
            memory.parent.mkdir(parents=True, exist_ok=True)
            with replacing(memory) as file:
                file.write(json.dumps(now).encode())
    return [str(now[str(path)][2]) for path in paths]


def _remembered(memory: Path) -> dict[str, list[int | str]]:
    try:
        found = json.loads(read_regular(memory, _MOST_BYTES))
        return {k: v for k, v in found.items() if isinstance(v, list) and len(v) == 3}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}


def _stamp(path: Path, before: list[int | str] | None) -> list[int | str]:
    """[size, modification time in ns, sha256]; a time of 0 where it could not be told from a later change."""
    status = path.stat()
    if before and before[:2] == [status.st_size, status.st_mtime_ns]:
        return before
    settled = time.time_ns() - status.st_mtime_ns > _SETTLED_NS
    return [status.st_size, status.st_mtime_ns if settled else 0, sum_of(path)]
