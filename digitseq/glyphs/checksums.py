"""sha256 checksums of files, and a cache of them for files that have not changed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from pathlib import Path

from digitseq.errors import DataError
from digitseq.files.atomic import replacing
from digitseq.files.regular import open_regular, read_regular

_MAX_CACHE_BYTES = 1 << 28  # of a folder with a million pictures
_MIN_AGE_NS = 2 * 10**9  # a younger file may change again without a new time stamp: file systems count up to 2 s steps


def sha256_of(path: Path) -> str:
    """The sha256 of a file, hex. Raises `OSError`."""
    found = hashlib.sha256()
    with open_regular(path) as file:
        while data := file.read(1 << 20):
            found.update(data)
    return found.hexdigest()


def check_sha256(path: Path, expected: str, remedy: str) -> None:
    """Raises `DataError` with `remedy` when the file has another sha256, `OSError` when it cannot be read."""
    found = sha256_of(path)
    if found != expected:
        raise DataError(f"{path} is damaged (sha256 {found[:12]}…, expected {expected[:12]}…): {remedy}")


def cached_sha256(paths: list[Path], cache: Path) -> list[str]:
    """The sha256 of each file. Files with unchanged size and time are not read: theirs are in the JSON file `cache`.

    Raises `OSError` when a file cannot be read. A `cache` that cannot be read or written is ignored.
    """
    before = _read_cache(cache)
    now = {str(path): _entry(path, before.get(str(path))) for path in paths}
    if now != before:
        with contextlib.suppress(OSError):
            cache.parent.mkdir(parents=True, exist_ok=True)
            with replacing(cache) as file:
                file.write(json.dumps(now).encode())
    return [str(now[str(path)][2]) for path in paths]


def _read_cache(cache: Path) -> dict[str, list[int | str]]:
    try:
        found = json.loads(read_regular(cache, _MAX_CACHE_BYTES))
        return {k: v for k, v in found.items() if isinstance(v, list) and len(v) == 3}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}


def _entry(path: Path, before: list[int | str] | None) -> list[int | str]:
    """[size, modification time in ns, sha256]; the time is 0, which matches none, for a file that is too young."""
    status = path.stat()
    if before and before[:2] == [status.st_size, status.st_mtime_ns]:
        return before
    old_enough = time.time_ns() - status.st_mtime_ns > _MIN_AGE_NS
    return [status.st_size, status.st_mtime_ns if old_enough else 0, sha256_of(path)]
