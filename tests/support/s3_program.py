"""A program: an S3 server at a free port of this machine, which it prints. It ends with its standard input.

POST /_answer/503 makes it answer everything that follows with 503, until POST /_answer/0. GET /_requests counts.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

ERROR = "<?xml version='1.0'?><Error><Code>{status}</Code><Message>asked for by a test</Message></Error>"


class FaultyStore:
    """Moto's S3, unless it has been told to answer something else."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._status = self._requests = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """As the interface of Python's web servers (PEP 3333) has it."""
        first, _, rest = environ["PATH_INFO"].strip("/").partition("/")
        if first == "_answer":
            self._status = int(rest)
        elif first != "_requests":
            self._requests += 1
            if not self._status:
                return self._moto(environ, start_response)
            start_response(f"{self._status} Fault", [("Content-Type", "application/xml")])
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [ERROR.format(status=self._status).encode()]
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(self._requests).encode()]


class QuietHandler(WSGIRequestHandler):
    """Writes nothing about requests."""

    def log(self, *_: object) -> None:
        """Nothing."""


if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, FaultyStore(), threaded=True, request_handler=QuietHandler)
    print(server.port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
