"""`run.py --web`: the service for the user of this machine, and its page in their browser."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import logging
import os
import socket
import threading
import warnings
import webbrowser

from digitseq.service.limits import Limits
from digitseq.service.server import SHUTDOWN_SECONDS, load_packages, uvicorn_settings
from digitseq.shell.console import say

HOST, PORT = "127.0.0.1", 8000
SILENT_SECONDS = 0.5  # from Ctrl-C until it says what it waits for
WAITING = f"what is being sent has {SHUTDOWN_SECONDS} seconds to end; Ctrl-C again ends it now"
# these would take the terminal, and the page needs JavaScript
IN_TERMINAL = ("www-browser", "links", "elinks", "lynx", "w3m")


def serve_page(fragment: str, cache: str | None) -> int:
    """Print the address of the page, open it, and serve it until Ctrl-C or SIGTERM. Returns the exit code.

    fragment: the end of the address after the #, which may be empty; cache: as for `create_app`
    """
    # of a Ctrl-C before it has begun
    warnings.filterwarnings("ignore", "coroutine 'Server.serve' was never awaited", RuntimeWarning)
    logging.getLogger("asyncio").addFilter(lambda record: "deallocating an open event loop" not in record.getMessage())
    with contextlib.suppress(KeyboardInterrupt):  # the usual end; uvicorn repeats the signal after its shutdown
        load_packages()
        import uvicorn

        from digitseq.service.app import create_app

        class Server(uvicorn.Server):
            async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
                saying = asyncio.get_running_loop().call_later(SILENT_SECONDS, self._say)
                await super().shutdown(sockets)
                saying.cancel()

            def _say(self) -> None:
                if self.server_state.tasks:  # requests that are not answered yet
                    say(WAITING)

        limits = Limits.from_environment(os.environ)
        # no key, whatever the environment says: nobody else can reach it
        server = Server(
            uvicorn.Config(
                create_app(limits, cache=cache, processes=True), log_level="warning", **uvicorn_settings(limits)
            )
        )
        with _listening() as listening:
            port = listening.getsockname()[1]
            if port != PORT:
                say(f"port {PORT} is in use: the page is at another")
            url = f"http://{HOST}:{port}/" + (fragment and f"#{fragment}")
            say(f"{url}\nopen this address if no browser opens; Ctrl-C ends the service")
            threading.Thread(target=_open_page, args=(port, url), name="digitseq-browser", daemon=True).start()
            server.run(sockets=[listening])
    return 0


def _listening() -> socket.socket:
    """A socket that listens on the usual port, or on any free one; from now on nobody else can get it."""
    try:
        return socket.create_server((HOST, PORT))
    except OSError:
        return socket.create_server((HOST, 0))


def _open_page(port: int, url: str) -> None:
    """Open the page once the service answers."""
    connection = http.client.HTTPConnection(HOST, port)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException, webbrowser.Error):
        connection.request("GET", "/readyz")
        connection.getresponse()  # the socket listens already, so this waits as long as the service needs to start
        if os.environ.get("BROWSER") or getattr(webbrowser.get(), "name", None) not in IN_TERMINAL:
            webbrowser.open(url)
