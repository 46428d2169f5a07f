"""The service as its user runs it: a process, on a free port of this machine."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx

from .paths import ROOT
from .processes import wait_until


class Served:
    """A running service; `client` talks to it."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log) -> None:
        self.process, self.port, self._log = process, port, log
        self.url = f"http://127.0.0.1:{port}"
        self.client = httpx.Client(base_url=self.url, timeout=60)

    def wait(self) -> None:
        """Until images can be made."""
        wait_until(self._ready)

    def _ready(self) -> bool:
        assert self.process.poll() is None, self.log()
        with contextlib.suppress(httpx.TransportError):
            return self.client.get("/readyz").status_code == 200
        return False

    def log(self) -> str:
        """What it has printed."""
        self._log.flush()
        with open(self._log.name) as file:
            return file.read()

    def busy(self) -> int:
        """How many threads and processes make something, by the service's metrics."""
        found = re.search(r"^digitseq_busy_workers (\S+)", self.client.get("/metrics").text, re.MULTILINE)
        return int(float(found[1]))

    def memory(self) -> float:
        """Resident megabytes."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmRSS:"))


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


@contextlib.contextmanager
def serve(folder, *flags: object, **environment: str) -> Iterator[Served]:
    """`python -m digitseq.service` with these flags and environment; its output goes into `folder`."""
    port = free_port()
    words = [sys.executable, "-m", "digitseq.service", "--port", str(port), *map(str, flags)]
    variables = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    with open(folder / "service.log", "w") as log:
        process = subprocess.Popen(words, env=variables, stdout=log, stderr=log)
        served = Served(process, port, log)
        try:
            served.wait()
            yield served
        finally:
            served.client.close()
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
