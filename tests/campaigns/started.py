"""The program as its user starts it, in a session of its own, with or without a plan to strike at a place."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .children import Ended
from .processes import PATIENT, end_session, session, wait_until

ROOT = Path(__file__).parents[2]
LONGEST = 300.0  # seconds in which any run of a campaign ends on any machine


class Started:
    """A run of the program.

    log: a directory, made here, for what it says; plan: as in `places`, without out and log; ulimit: what the shell's
    command of that name is given; environment: for it, beside that of this process
    """

    def __init__(
        self, words: Sequence[str], out: Path | str, log: Path, plan: dict[str, Any] | None = None,
        ulimit: Sequence[str] = (), environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        log.mkdir()
        self.log = log
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"} | dict(environment or {})
        program = ROOT / "run.py"
        if plan is not None:
            environment["CAMPAIGN_PLAN"] = json.dumps({"out": str(out), "log": str(log), **plan})
            program = Path(__file__).with_name("places.py")
        with open(log / "out", "wb") as said, open(log / "err", "wb") as complained:
            self.process = subprocess.Popen(
                [*_shell(ulimit), sys.executable, str(program), *words, "-o", str(out)],
                cwd=log, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=complained, start_new_session=True,
            )  # fmt: skip

    @property
    def running(self) -> list[int]:
        """The processes of the run that are there, stopped ones among them."""
        return session(self.process.pid)

    def struck(self) -> bool:
        """Whether the place of the plan was reached."""
        return (self.log / "struck").exists()

    def wait_struck(self) -> bool:
        """Wait until it is reached, or the run has ended without."""
        reached = wait_until(lambda: self.struck() or self.process.poll() is not None, LONGEST)
        assert reached, "neither reached the place nor ended"
        return self.struck()

    def where(self) -> str:
        """The place."""
        return (self.log / "struck").read_text().strip().partition(" ")[2] if self.struck() else "nowhere"

    def named(self) -> set[str]:
        """What it named at the places that were counted: paths as they were given."""
        lines = [
            line
            for role in ("parent", "worker")
            if (self.log / role).exists()
            for line in (self.log / role).read_text().splitlines()
        ]
        return {words[1].strip() for line in lines if len(words := line.split(" ", 1)) == 2}

    def places(self, role: str) -> int:
        """How many places of a role were counted."""
        path = self.log / role
        return path.stat().st_size // 256 if path.exists() else 0

    def ended(self) -> Ended:
        """Wait for the end of the program's own process."""
        try:
            code = self.process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            self.send_all(signal.SIGKILL)
            code = None
        texts = ((self.log / name).read_text(errors="replace") for name in ("out", "err"))
        return Ended(code, *texts)

    def all_ended(self) -> bool:
        """Whether all its processes end; those that do not are killed."""
        return end_session(self.process.pid, PATIENT) == 0

    def send_all(self, number: int) -> None:
        """Send a signal to each of its processes."""
        for process in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)


def _shell(ulimit: Sequence[str]) -> list[str]:
    return ["bash", "-c", f'ulimit {" ".join(ulimit)} && exec "$@"', "bash"] if ulimit else []


def run(words: Sequence[str], out: Path, log: Path) -> Ended:
    """A whole run that nothing disturbs."""
    started = Started(words, out, log)
    ended = started.ended()
    assert started.all_ended(), f"{words}: processes were left behind"
    return ended


def locked(folder: Path) -> list[str]:
    """The files in `folder` that a process has a lock on."""
    inodes = {
        line.split()[5].rpartition(":")[2] for line in Path("/proc/locks").read_text().splitlines() if "->" not in line
    }
    return [
        str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_symlink() and str(p.stat().st_ino) in inodes
    ]
