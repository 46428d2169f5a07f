"""Started in the program's place: counts what it does to its output folder, and strikes at the n-th such place.

A place is a call that names something in the folder (open, rename, remove, …: Python's audit events), or a write to a
file there, which is struck when half of it is written. Places are counted over all processes of a role: the program's
own process is "parent", all that it starts are "worker". $CAMPAIGN_PLAN is the plan, as JSON.
"""

from __future__ import annotations

import builtins
import io
import json
import os
import signal
import stat
import sys
from pathlib import Path
from typing import Any

EVENTS = frozenset((
    "open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.scandir", "os.listdir",
    "os.chmod", "os.utime", "shutil.copyfile", "shutil.move", "shutil.rmtree",
))  # fmt: skip
ONE_DIRECTORY = frozenset(("os.remove", "os.mkdir", "os.rmdir"))  # the last argument is a descriptor, or -1
LAUNCHER = __name__ == "__main__"
_really_open, _really_write = io.open, os.write


class Places:
    """Counts places of this process, and strikes.

    plan: out, the folder; log, a directory for what is counted; and to strike: role, number (from 1), signal, victim
    ("self", "parent" or "group").
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan, self.out = plan, plan["out"]
        self.role = "parent" if LAUNCHER else "worker"
        self._log: int | None = None

    def install(self) -> None:
        """From now on, in this process and all that are forked from it."""
        os.register_at_fork(after_in_child=self._in_child)
        sys.addaudithook(self._audit)
        os.write = self._write  # type: ignore[assignment]
        io.open = builtins.open = self._open  # type: ignore[assignment]

    def _in_child(self) -> None:
        self.role, self._log = "worker", None

    def named(self, path: object, directory: int = -1) -> str:
        """The path in full; empty for what is none. directory: the descriptor that a relative one is seen from."""
        if isinstance(path, os.PathLike):
            path = os.fspath(path)
        if not isinstance(path, (str, bytes)):
            return ""
        name = os.fsdecode(path)
        if name.startswith("/"):
            return name
        try:
            start = os.readlink(f"/proc/self/fd/{directory}") if directory >= 0 else os.getcwd()  # noqa: PTH109, PTH115
        except OSError:
            return ""
        return os.path.join(start, name)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in EVENTS:
            return
        two = len(arguments) == 4 and event in ("os.rename", "os.link")
        directories = arguments[2:] if two else arguments[-1:] if event in ONE_DIRECTORY else (-1,)
        for path, directory in zip(arguments, directories):
            name = self.named(path, directory)
            if name.startswith(self.out):
                self.place(f"{event} {name}")
                return

    def place(self, what: str) -> bool:
        """Count a place; whether it is the one to strike at, in which case that is done."""
        number = self._count(what)
        struck = (self.role, number) == (self.plan.get("role"), self.plan.get("number"))
        if struck:
            self.strike(what)
        return struck

    def _count(self, what: str) -> int:
        """The number of the place, from 1: lines of 256 bytes are counted by the end of a file that all append to."""
        if self._log is None:
            self._log = os.open(os.path.join(self.plan["log"], self.role), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        _really_write(self._log, what.encode(errors="replace")[:255].ljust(255) + b"\n")
        return os.lseek(self._log, 0, os.SEEK_CUR) // 256

    def strike(self, what: str) -> None:
        """Send the signal, having said where."""
        said = Path(self.plan["log"], "struck.part")
        with _really_open(said, "w") as file:
            file.write(f"{os.getpid()} {what}\n")
        said.rename(said.with_suffix(""))
        number, leader = self.plan["signal"], os.getsid(0)
        if self.plan["victim"] == "group":
            os.killpg(leader, number)
        else:
            os.kill(leader if self.plan["victim"] == "parent" else os.getpid(), number)

    def _write(self, descriptor: int, data: Any) -> int:
        plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
        name = os.readlink(f"/proc/self/fd/{descriptor}") if plain else ""  # noqa: PTH115
        if not name.startswith(self.out):
            return _really_write(descriptor, data)
        return self.written_by_halves(lambda part: _really_write(descriptor, part), data, f"write {name}")

    def written_by_halves(self, write: Any, data: Any, what: str) -> int:
        """Write `data`, only half of it when it is struck at here; returns how much was written."""
        number = self._count(what)
        if (self.role, number) != (self.plan.get("role"), self.plan.get("number")):
            return int(write(data))
        half = memoryview(data).cast("B")
        written = int(write(half[: max(len(half) // 2, 1)]))
        self.strike(what)
        return written

    def _open(self, file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **more: Any) -> Any:
        """`open`, whose files for writing in the folder are written by halves."""
        more |= dict(zip(("encoding", "errors", "newline", "closefd", "opener"), rest))
        if not set(mode) & set("wax+") or not self.named(file).startswith(self.out):
            return _really_open(file, mode, buffering, **more)
        raw = _CountedFile(self, file, mode.replace("b", "").replace("t", ""), more.get("opener"))
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return buffered
        return io.TextIOWrapper(buffered, more.get("encoding"), more.get("errors"), more.get("newline"))


class _CountedFile(io.FileIO):
    """A file whose writes are places."""

    def __init__(self, places: Places, file: Any, mode: str, opener: Any) -> None:
        super().__init__(file, mode, opener=opener)
        self._places = places

    def write(self, data: Any) -> int:
        return self._places.written_by_halves(super().write, data, f"write {self.name!s}")


if "CAMPAIGN_PLAN" in os.environ:  # also where a process that was started anew imports this file
    Places(json.loads(os.environ["CAMPAIGN_PLAN"])).install()

if LAUNCHER:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background job has not
    try:
        from digitseq.shell.cli import main

        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
