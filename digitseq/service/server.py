"""`python -m digitseq.service`: flags, the check of who can reach the service, and uvicorn."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from digitseq.errors import MissingPackageError, SettingsError
from digitseq.service.access import CORS, KEY, check_key, check_origin, check_reach
from digitseq.service.limits import Limits, names, variable
from digitseq.shell.console import interrupted_by, run_program
from digitseq.shell.parser import OneLineParser

if TYPE_CHECKING:
    from fastapi import FastAPI

SHUTDOWN_SECONDS = 5  # for connections that are still open when all answers are out


def main(argv: Sequence[str] | None = None) -> int:
    """Run the service until it is told to stop; returns the exit code."""
    return run_program("digitseq", lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    given = build_parser().parse_args(argv)
    check_reach(given.host, bool(os.environ.get(KEY)), given.no_auth)
    _put_into_environment(given)
    _check_environment()  # here, as worker processes would only log it, and be started again and again
    try:
        return _serve(given.host, given.port, given.workers)
    except KeyboardInterrupt:
        return interrupted_by(signal.SIGINT)


def build_parser() -> argparse.ArgumentParser:
    """The parser; limits that are not given are None."""
    parser = OneLineParser(
        "python -m digitseq.service",
        description="Serve images of handwritten digit sequences over HTTP, with an interactive page.",
        epilog=f"Every limit is also an environment variable, such as {variable('max_width')}. With {KEY} set, /v1 "
        "needs Authorization: Bearer KEY.",
        allow_abbrev=False,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=_port, default=8000, help="port to listen on; 0: any free one (default: 8000)")
    parser.add_argument("--workers", type=_workers, default=1, help="processes (default: 1)")
    parser.add_argument(
        "--cors", metavar="ORIGIN", help="an origin whose web pages may use the service (default: none)"
    )
    parser.add_argument("--no_auth", action="store_true", help="allow unauthenticated access from other machines")
    limits = parser.add_argument_group("limits")
    for name, help in names().items():
        default = getattr(Limits(), name)
        limits.add_argument(f"--{name}", metavar="N", help=f"{help} (default: {default:,})")
    return parser


def application() -> FastAPI:
    """The app with the limits, the key and the origin of the environment, for each process that uvicorn starts."""
    from digitseq.service.app import create_app

    _end_with_parent()
    return create_app(
        Limits.from_environment(os.environ), key=os.environ.get(KEY) or None, cors=os.environ.get(CORS) or None
    )


def _end_with_parent() -> None:
    """Let a worker process end when the process that started it is gone: nobody else would."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        assert parent is not None
        parent.join()
        os.kill(os.getpid(), signal.SIGINT)  # sooner than after SIGTERM: the port may be wanted again
        time.sleep(2 * SHUTDOWN_SECONDS)
        os._exit(1)

    if parent is not None:
        threading.Thread(target=wait, name="digitseq-parent", daemon=True).start()


def _put_into_environment(given: argparse.Namespace) -> None:
    """Flags win over the environment, and reach the worker processes through it."""
    for name in names():
        if getattr(given, name) is not None:
            os.environ[variable(name)] = getattr(given, name)
    if given.cors:
        os.environ[CORS] = given.cors


def _check_environment() -> None:
    """Refuse now what every worker process would refuse."""
    Limits.from_environment(os.environ)
    if os.environ.get(KEY):
        check_key(os.environ[KEY])
    if os.environ.get(CORS):
        check_origin(os.environ[CORS])


def _serve(host: str, port: int, workers: int) -> int:
    try:
        import uvicorn

        importlib.import_module("digitseq.service.app")
        from digitseq.service.http_protocol import HeaderTimeoutProtocol
        from digitseq.service.metrics import SHARED
    except ImportError as error:
        if (error.name or "digitseq").startswith("digitseq"):
            raise
        raise MissingPackageError(
            f'the service needs the package {error.name}: in the checkout, pip install -e ".[service]"'
        ) from None
    _check_address(host, port)
    http = partial(HeaderTimeoutProtocol, receive_seconds=Limits.from_environment(os.environ).receive_seconds)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))  # what uvicorn ends with, too
    with contextlib.ExitStack() as until_end:
        if workers > 1:
            # the processes of one service add up their numbers in files of this directory
            os.environ[SHARED] = until_end.enter_context(tempfile.TemporaryDirectory(prefix="digitseq-metrics-"))
        uvicorn.run(
            "digitseq.service.server:application",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            http=http,  # type: ignore[arg-type]  # a factory does, too
            ws="none",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
    return 0


def _check_address(host: str, port: int) -> None:
    """Refuse an address that cannot be listened on: uvicorn would only log it, after the start of its processes."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        if os.name == "posix":  # as uvicorn does; elsewhere it would hide that the port is in use
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(f"cannot listen on host {host}, port {port}: {error.strerror}", "port") from None


def _port(text: str) -> int:
    return _whole("port", text, 0, 65_535)


def _workers(text: str) -> int:
    return _whole("workers", text, 1, 256)


def _whole(name: str, text: str, low: int, high: int) -> int:
    if text.isascii() and text.isdigit() and low <= int(text) <= high:
        return int(text)
    raise argparse.ArgumentTypeError(f"{name} must be a whole number from {low} to {high:,}, got {text!r}")
