"""Requests to an object store: retried with back-off, and given up soon where there is no time left.

Stores answer 503 while they are busy, and connections break. Every request here has the same result when it is made
twice, so all of them are tried again.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from digitseq.files import retries
from digitseq.files.locations import store_errors
from digitseq.files.retries import never, tried

GRACE = 2.5  # seconds in which requests may still end after a request to stop: the program must end within five
POLL_SECONDS = 0.1
_PATTERN = frozenset("*?[")

T = TypeVar("T")


class ObjectStore:
    """The store of the folder `root`, a `upath.UPath`. Methods raise `OSError`.

    stopping: whether the program shall end: then requests are tried once, and only for a moment
    grace: how long this is, in seconds; None: `GRACE`
    """

    def __init__(self, root: Path, stopping: Callable[[], bool] = never, grace: float | None = None) -> None:
        self._root = root
        self._fs: Any = root.fs  # type: ignore[attr-defined]
        self._stopping, self._grace = stopping, GRACE if grace is None else grace
        self._stopped: float | None = None
        self._failed = False

    def check(self, folder: Path) -> None:
        """Ask once for what is in `folder`: what is wrong from the start, such as credentials, is said at once."""
        self._in_time(lambda: self._fs.find(_key(folder), maxdepth=1))

    def put(self, path: Path, data: bytes) -> None:
        """Write an object, as a whole or not at all."""
        self._request(lambda: self._fs.pipe_file(_key(path), data))

    def upload(self, files: Iterable[tuple[Path, Path]]) -> None:
        """Write objects out of local files, each as a whole or not at all. files: pairs of a file and its object."""
        if pairs := list(files):
            local, keys = [str(file) for file, _ in pairs], [_key(path) for _, path in pairs]
            self._request(lambda: self._fs.put(local, keys))

    def copy(self, objects: Iterable[tuple[Path, Path, list[str]]]) -> None:
        """Copy objects within the store, many at a time: no data is transferred.

        objects: a folder, the new one, and names of objects in both
        """
        old, new = list[str](), list[str]()
        for source, target, names in objects:
            old += [f"{_key(source)}/{name}" for name in names]
            new += [f"{_key(target)}/{name}" for name in names]
        if old:
            self._request(lambda: self._fs.copy(old, new))

    def remove(self, paths: Iterable[Path]) -> None:
        """Remove objects, many at a time; some may be missing."""
        if keys := [_key(path) for path in paths]:
            self._request(lambda: self._remove(keys))

    def remove_below(self, folder: Path) -> None:
        """Remove all objects below `folder`."""
        if keys := list(self._below(folder)):
            self._request(lambda: self._remove(keys))

    def sizes(self, folder: Path) -> dict[str, int]:
        """The sizes of all objects below `folder`, in bytes, by their names relative to it."""
        start = len(_key(folder).rstrip("/")) + 1
        return {key[start:]: int(about["size"]) for key, about in self._below(folder).items()}

    def read(self, paths: Sequence[Path]) -> list[bytes]:
        """The contents of several objects, which are read at the same time."""
        keys = [_key(path) for path in paths]
        if len(keys) == 1 or any(map(_is_pattern, keys)):
            return [self._request(partial(self._fs.cat_file, key)) for key in keys]
        found = self._request(lambda: self._fs.cat(keys)) if keys else {}
        return [found[key] for key in keys]

    def modified(self, path: Path) -> datetime:
        """When the object was written, by the clock of the store."""
        return self._request(lambda: _modified(self._fs, _key(path)))

    def _below(self, folder: Path) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self._request(lambda: self._fs.find(_key(folder), detail=True))
        return found

    def _remove(self, keys: list[str]) -> None:
        patterns = [key for key in keys if _is_pattern(key)]
        try:
            self._fs.rm([key for key in keys if not _is_pattern(key)])
        except FileNotFoundError:  # one of them was missing; the others may be there still
            patterns = keys
        for key in patterns:
            with contextlib.suppress(FileNotFoundError):
                self._fs.rm_file(key)

    def _request(self, call: Callable[[], T]) -> T:
        try:
            return tried(partial(self._in_time, call), retries.WAITS, self._waited)
        except OSError as error:
            # once a store has failed for that long, the requests by which a run ends are not repeated, too
            self._failed = self._failed or error.errno not in retries.FINAL
            raise

    def _waited(self, seconds: float) -> bool:
        """Wait; returns whether there shall be a further attempt."""
        if self._failed:
            return False
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._stopping():
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _in_time(self, call: Callable[[], T]) -> T:
        """The result of `call`. It is made in a thread, as the clients of stores repeat what fails for a minute."""
        results: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

        def request() -> None:
            try:
                with store_errors(self._root):
                    results.put((call(), None))
            except BaseException as error:
                results.put((None, error))

        threading.Thread(target=request, daemon=True).start()
        while True:
            try:
                result, error = results.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if self._no_time_left():
                    raise TimeoutError("the store has not answered") from None
                continue
            if error is not None:
                raise error
            return result  # type: ignore[return-value]

    def _no_time_left(self) -> bool:
        if self._stopped is None and self._stopping():
            self._stopped = time.monotonic()
        return self._stopped is not None and time.monotonic() > self._stopped + self._grace


def _key(path: Path) -> str:
    """What fsspec calls the object."""
    return str(path.path)  # type: ignore[attr-defined]


def _is_pattern(key: str) -> bool:
    """Whether fsspec takes a name in a list for a pattern, and looks for objects that match."""
    return not _PATTERN.isdisjoint(key)


def _modified(fs: Any, key: str) -> datetime:
    found: datetime = fs.modified(key)
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
