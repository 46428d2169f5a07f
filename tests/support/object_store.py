"""An S3 server on this machine, for the tests and for the programs that they start."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

PROGRAM = Path(__file__).with_name("s3_program.py")
BUCKET = "data-sets"


class ObjectStore:
    """An S3 server in a process of its own, with an empty bucket, which forgets everything when it is killed.

    environment: for programs that use it, and none of the settings of whoever runs the tests
    """

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}"
        self._numbers = itertools.count(1)
        self.environment = {
            "AWS_ENDPOINT_URL": self._address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self._send("PUT", BUCKET)

    def new_url(self) -> str:
        """A place in the bucket where nothing is."""
        return f"s3://{BUCKET}/place{next(self._numbers)}"

    @contextlib.contextmanager
    def answering(self, status: int) -> Iterator[None]:
        """The server answers everything with this status until the block ends: 503 for one that is overloaded."""
        self._send("POST", f"_answer/{status}")
        try:
            yield
        finally:
            self._send("POST", "_answer/0")

    def requests(self) -> int:
        """How many it has answered."""
        return int(self._send("GET", "_requests"))

    def _send(self, method: str, path: str) -> bytes:
        # the environment may name a proxy, which does not know this machine
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(f"{self._address}/{path}", method=method), timeout=30) as answer:
            return bytes(answer.read())


@contextlib.contextmanager
def object_store() -> Iterator[ObjectStore]:
    """A new server until the block ends."""
    command = [sys.executable, str(PROGRAM)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield ObjectStore(int(process.stdout.readline()))
        finally:
            process.kill()
