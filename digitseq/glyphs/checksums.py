"""sha256 checksums of files, and a cache of them for files that have not changed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from pathlib import Path
from typing import Any

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


def cached_sha256(paths: list[Path], cache: Path) -> list[str]:
    """The sha256 of each file. Files with unchanged size and time are not read: theirs are in the JSON file `cache`.

    Raises `OSError` when a file cannot be read. A `cache` that cannot be read or written is ignored.
    """
    before = _read_cache(cache)
    keys = {_key(path): path for path in paths}
    now = {key: str(before.get(key) or sha256_of(path)) for key, path in keys.items()}
    if now != before:
        with contextlib.suppress(OSError):
            cache.parent.mkdir(parents=True, exist_ok=True)
            with replacing(cache) as file:
                file.write(json.dumps(now).encode())
    return list(now.values())


def _read_cache(cache: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_regular(cache, _MAX_CACHE_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _key(path: Path) -> str:
    """The path, size and modification time in ns of a file; for one that is too young, a time that matches no other."""
    status, now = path.stat(), time.time_ns()
    return f"{path} {status.st_size} {status.st_mtime_ns if now - status.st_mtime_ns > _MIN_AGE_NS else now}"
