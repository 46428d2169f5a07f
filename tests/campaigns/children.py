"""The program's `main` in forked children of this process, under limits: a case costs no start of Python."""

from __future__ import annotations

import importlib
import os
import resource
import select
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .processes import end_session

LOADED_ONCE = ("cv2", "numpy", "phonenumbers", "digitseq.shell.cli", "digitseq.augment", "digitseq.sources")
PAGE = resource.getpagesize()
CRASHED = 99  # exit code of a child in which an exception got out


@dataclass(frozen=True)
class Limits:
    """memory: bytes of address space beyond what the process begins with; seconds of CPU time, and of any time.

    interrupt: seconds after which the child is sent SIGINT, as a user does who has seen enough.
    """

    memory: int = 1 << 30
    cpu: int = 60
    wall: float = 180.0
    interrupt: float | None = None


@dataclass(frozen=True)
class Ended:
    """How a program ended. code: below 0 is the signal that killed it, None is a time limit."""

    code: int | None
    out: str
    err: str
    left_behind: int = 0

    def one_line(self) -> str:
        """What it said on standard error, in a form for messages."""
        return repr(self.err[-240:])


def load_program() -> None:
    """Load here what every child would load again."""
    for name in LOADED_ONCE:
        importlib.import_module(name)


def run_main(words: list[str], folder: Path, limits: Limits, stdin: bytes = b"", config: Path | None = None) -> Ended:
    """The command line `words` in a child."""
    load_program()
    from digitseq.shell.cli import main

    return in_child(lambda: main(words, config), folder, limits, stdin)


def in_child(main: Callable[[], int], folder: Path, limits: Limits, stdin: bytes = b"") -> Ended:
    """Run `main` in a forked child that works in `folder`, in a process group of its own."""
    streams = [os.memfd_create(name) for name in ("in", "out", "err")]
    os.write(streams[0], stdin)
    os.lseek(streams[0], 0, os.SEEK_SET)
    try:
        child = os.fork()
        if child == 0:
            _become(main, folder, limits, streams)
        code = _wait(child, limits.wall)
        left = end_session(child)
        return Ended(code, *(_text(stream) for stream in streams[1:]), left)
    finally:
        for stream in streams:
            os.close(stream)


def _become(main: Callable[[], int], folder: Path, limits: Limits, streams: list[int]) -> None:
    code = CRASHED
    try:
        os.setsid()
        os.chdir(folder)
        os.environ["HOME"] = str(folder)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
        signal.signal(signal.SIGINT, lambda *_: None)  # until the program takes it over, and afterwards
        limit(limits)
        code = main()
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else int(done.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        for flush in (sys.stdout.flush, sys.stderr.flush):
            try:
                flush()
            except OSError:
                code = CRASHED
        os._exit(code)


def limit(limits: Limits) -> None:
    """Put limits on this process."""
    space = int(Path("/proc/self/statm").read_text().split()[0]) * PAGE
    resource.setrlimit(resource.RLIMIT_AS, (space + limits.memory, space + limits.memory))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu, limits.cpu))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if limits.interrupt:
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
        signal.setitimer(signal.ITIMER_REAL, limits.interrupt)


def _wait(child: int, seconds: float) -> int | None:
    handle = os.pidfd_open(child)
    try:
        ended, _, _ = select.select([handle], [], [], seconds)
    finally:
        os.close(handle)
    if not ended:
        os.killpg(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status) if ended else None


def _text(stream: int) -> str:
    return os.pread(stream, 1 << 20, 0).decode(errors="replace")
