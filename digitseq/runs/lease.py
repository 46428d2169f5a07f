"""Who owns a folder in an object store: a lease, which its owner renews.

Stores have no locks. The owner keeps a small object below `owners/`, and writes it again and again. When it has not
done so for `EXPIRES` seconds by the clock of the store, it is taken for dead, and another run may take over: that
removes the object, and its own has a higher number. The late owner finds this out before it publishes anything.

Two runs that begin at the same moment both see each other, as stores list what was written before: both withdraw, and
try again after different times.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import secrets
import socket
import threading
import time
import warnings
from datetime import datetime, timezone
from pathlib import Path

from digitseq.errors import DigitseqWarning, one_line
from digitseq.files.object_store import ObjectStore

EXPIRES = 60.0  # seconds without renewal after which an owner is dead
RENEWED = 15.0  # seconds between two renewals
SETTLED = 45.0  # seconds after which an owner that cannot renew its lease must not rely on it any more
TRIES = 4
WITHDRAWN = (0.2, 1.0)  # seconds, at least and at most, until the next try
_NAME = re.compile(r"(\d{6,})-[0-9a-f]{16}")


class Lease:
    """The lease of this run in the folder `owners`. Methods raise `OSError`."""

    def __init__(self, store: ObjectStore, owners: Path) -> None:
        self._store, self._owners = store, owners
        self._name = ""
        self._renewed = 0.0
        self._ended = threading.Event()
        self._renewing = threading.Lock()

    def acquire(self, wait: bool = False) -> str | None:
        """Acquire the lease; returns None, or who has it, in words.

        wait: for up to `EXPIRES` seconds, whether another owner renews its lease, which may be dead
        """
        self._await_expiry(wait)
        for _ in range(TRIES):
            ages = self._ages()
            owner = next((name for name, age in ages.items() if age < EXPIRES), None)
            if owner is None:
                self._name = f"{max(map(_number, ages), default=0) + 1:06d}-{secrets.token_hex(8)}"
                self._renew()
                others = (name for name, age in self._ages().items() if age < EXPIRES and name != self._name)
                owner = next(others, None)
                if owner is None:
                    self._remove_expired()
                    threading.Thread(target=self._keep, daemon=True).start()
                    return None
                self._store.remove([self._owners / self._name])
            time.sleep(random.uniform(*WITHDRAWN))
        return self._about(owner) if owner else "another run"

    def is_held(self) -> bool:
        """Whether no other run has taken over, and whether none can have done so since the lease was renewed."""
        if time.monotonic() - self._renewed > SETTLED:
            with contextlib.suppress(OSError):
                self._renew_if_there()
        if time.monotonic() - self._renewed > SETTLED:
            return False
        return self._name == max(self._store.sizes(self._owners), key=_number, default="")

    def release(self) -> None:
        """End the lease."""
        self._ended.set()
        with self._renewing, contextlib.suppress(OSError):  # a renewal under way would write it again after this
            self._store.remove([self._owners / self._name])  # if that fails, it runs out

    def _remove_expired(self) -> None:
        """Remove what dead runs have left below `owners/`. Another run may just be reading the clock."""
        now = self._store.modified(self._owners / self._name)
        for name in set(self._store.sizes(self._owners)) - {self._name}:
            with contextlib.suppress(FileNotFoundError):
                if (now - self._store.modified(self._owners / name)).total_seconds() >= EXPIRES:
                    self._store.remove([self._owners / name])

    def _ages(self) -> dict[str, float]:
        """Seconds since each claim was renewed. By the clock of the store, as those of two machines differ."""
        return {name: self._age(name) for name in self._store.sizes(self._owners) if _NAME.fullmatch(name)}

    def _age(self, name: str) -> float:
        probe = self._owners / f"clock-{secrets.token_hex(8)}"
        self._store.put(probe, b"")
        try:
            now = self._store.modified(probe)
            return (now - self._store.modified(self._owners / name)).total_seconds()
        except FileNotFoundError:  # its owner has just released it
            return EXPIRES
        finally:
            self._store.remove([probe])

    def _await_expiry(self, wait: bool) -> None:
        """Wait until no claim is alive, or one was renewed."""
        before = dict[str, float]()
        until = time.monotonic() + EXPIRES
        said = False
        while wait and time.monotonic() < until:
            ages = {name: age for name, age in self._ages().items() if age < EXPIRES}
            if not ages or any(age < before.get(name, 0.0) for name, age in ages.items()):
                return
            if not said:
                said = True
                warnings.warn(
                    f"the lease of {self._about(next(iter(ages)))} has not run out: waiting for up to {EXPIRES:.0f} s",
                    DigitseqWarning,
                    stacklevel=2,
                )
            before = ages
            time.sleep(min(1.0, EXPIRES / 4))

    def _about(self, name: str) -> str:
        """What the claim says of its owner."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            (data,) = self._store.read([self._owners / name])
            about = json.loads(data)
            return f"process {int(about['process'])} on {one_line(about['host'], 60)}"
        return "another run"

    def _renew(self) -> None:
        began = time.monotonic()
        about = {"host": socket.gethostname(), "process": os.getpid()}
        self._store.put(self._owners / self._name, json.dumps(about).encode())
        self._renewed = began  # not its end: the store may have written it at any time since

    def _renew_if_there(self) -> None:
        """What another run has removed stays removed."""
        if self._name in self._store.sizes(self._owners):
            self._renew()

    def _keep(self) -> None:
        while not self._ended.wait(RENEWED):
            with self._renewing, contextlib.suppress(OSError):  # `is_held` sees that it was not renewed
                if not self._ended.is_set():
                    self._renew_if_there()


def _number(name: str) -> int:
    """The number of a claim, an object below `owners/`; the owner with the highest one is the last. -1 for others."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else -1


def is_leased_in(store: ObjectStore, owners: Path) -> bool:
    """Whether a run has a lease in the folder `owners`. Raises `OSError`.

    By the clock of this machine: whoever only reads may not be allowed to write, which reading the store's clock needs.
    """
    for name in filter(_NAME.fullmatch, store.sizes(owners)):
        with contextlib.suppress(FileNotFoundError):  # its owner has just released it
            if (datetime.now(timezone.utc) - store.modified(owners / name)).total_seconds() < EXPIRES:
                return True
    return False
