"""`python -m digitseq.service`: flags, the check of who can reach the service, and uvicorn."""

from __future__ import annotations

import argparse
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
from typing import TYPE_CHECKING, Any

from digitseq.errors import MissingPackageError, SettingsError
from digitseq.options import Number, Option, options
from digitseq.service.access import CORS, KEY, check_key, check_origin, check_reach
from digitseq.service.limits import Limits, variable
from digitseq.shell.console import run_program
from digitseq.shell.parser import OneLineParser
from digitseq.shell.setting_names import with_flags

if TYPE_CHECKING:
    from fastapi import FastAPI

PORT = Option(Number(0, 65_535), "port to listen on; 0: any free one")
WORKERS = Option(Number(1, 256), "processes")
SHUTDOWN_SECONDS = 5  # for connections that are still open when all answers are out


def main(argv: Sequence[str] | None = None) -> int:
    """Run the service until it is told to stop; returns the exit code."""
    flags = {name: f"--{name}" for name in ("host", "port", "workers", "cors", "no_auth")}
    return run_program("digitseq", lambda: _run(argv), lambda error: with_flags(error, flags))


def _run(argv: Sequence[str] | None) -> int:
    given = build_parser().parse_args(argv)
    check_reach(given.host, bool(os.environ.get(KEY)), given.no_auth)
    port, workers = PORT.clean("port", given.port), WORKERS.clean("workers", given.workers)
    # flags win over the environment, and reach the worker processes through it
    for name in options(Limits):
        if (value := getattr(given, name)) is not None:
            os.environ[variable(name)] = str(value)
    if given.cors:
        os.environ[CORS] = given.cors
    # here, as worker processes would only log what is wrong, and be started again and again
    limits = Limits.from_environment(os.environ)
    if os.environ.get(KEY):
        check_key(os.environ[KEY])
    if os.environ.get(CORS):
        check_origin(os.environ[CORS])
    _serve(given.host, port, workers, limits)
    return 0


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
    parser.add_argument("--port", default=8000, help=f"{PORT.help} (default: 8000)", **PORT.kind.argument("port"))
    parser.add_argument("--workers", default=1, help=f"{WORKERS.help} (default: 1)", **WORKERS.kind.argument("workers"))
    parser.add_argument(
        "--cors", metavar="ORIGIN", help="an origin whose web pages may use the service (default: none)"
    )
    parser.add_argument("--no_auth", action="store_true", help="allow unauthenticated access from other machines")
    limits = parser.add_argument_group("limits")
    for name, option in options(Limits).items():
        help = f"{option.help} (default: {getattr(Limits, name):,})"
        limits.add_argument(f"--{name}", help=help, **option.kind.argument(name) | {"metavar": "N"})
    return parser


def application() -> FastAPI:
    """The app with the limits, the key and the origin of the environment, for each process that uvicorn starts."""
    from digitseq.service.app import create_app

    _end_with_parent()
    return create_app(
        Limits.from_environment(os.environ),
        key=os.environ.get(KEY) or None,
        cors=os.environ.get(CORS) or None,
        processes=True,
    )


def _end_with_parent() -> None:
    """Let a worker process end when the process that started it is gone: nobody else would."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), name="digitseq-parent", daemon=True).start()


def _end_after(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGINT)  # sooner than after SIGTERM: the port may be wanted again
    time.sleep(2 * SHUTDOWN_SECONDS)
    os._exit(1)


def load_packages() -> None:
    """Import what the service needs. Raises `MissingPackageError` where something is not installed."""
    try:
        for name in ("uvicorn", "digitseq.service.app", "digitseq.service.http_protocol"):
            importlib.import_module(name)
    except ImportError as error:
        if (error.name or "digitseq").startswith("digitseq"):
            raise
        raise MissingPackageError(
            f'the service needs the package {error.name}: in the checkout, pip install -e ".[service]"'
        ) from None


def uvicorn_settings(limits: Limits) -> dict[str, Any]:
    """How uvicorn serves the app, wherever it listens."""
    from digitseq.service.http_protocol import BoundedHeadProtocol

    return {
        "http": BoundedHeadProtocol,
        "ws": "none",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_keep_alive": limits.receive_seconds,
        "timeout_graceful_shutdown": SHUTDOWN_SECONDS,
    }


def _serve(host: str, port: int, workers: int, limits: Limits) -> None:
    load_packages()
    import uvicorn

    from digitseq.service.metrics import SHARED

    _check_address(host, port)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))  # uvicorn sends it again after its shutdown
    with tempfile.TemporaryDirectory(prefix="digitseq-metrics-") as folder:
        if workers > 1:
            os.environ[SHARED] = folder  # for files in which the processes of one service add up their numbers
        uvicorn.run(
            "digitseq.service.server:application",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            **uvicorn_settings(limits),
        )


def _check_address(host: str, port: int) -> None:
    """Refuse an address that cannot be listened on: uvicorn would only log it, after the start of its processes."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        if os.name == "posix":  # as uvicorn does; elsewhere it would hide that the port is in use
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            why = f"cannot listen on host {host}, port {port}: {error.strerror}"
            raise SettingsError(f"{why}; give another `host` or `port` (0: any free one)", "port") from None
