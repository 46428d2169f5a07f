"""A session of the package `requests` whose answers are bounded in size and time, whatever a server sends.

`requests` waits up to its timeout for every single piece, reads the bodies of redirects whole, and http.client
reads status lines as long as some come. Here every answer counts the bytes and the seconds that it took.
"""

from __future__ import annotations

import io
from http.client import HTTPResponse
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from digitseq.glyphs.downloads.budget import Budget, Meter

LINE_BYTES = 1 << 16  # of a line between two chunks


class _Reader(io.BufferedReader):
    """Lines have an end."""

    def readline(self, size: int | None = -1) -> bytes:
        return super().readline(LINE_BYTES if size is None or size < 0 else size)


def open_session(budget: Budget) -> requests.Session:
    """A session whose answers keep to `budget`, and that follows no redirect on its own."""

    class Response(HTTPResponse):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._meter = Meter(self.fp.detach(), budget)
            self.fp = _Reader(self._meter)

        def begin(self) -> None:
            super().begin()
            self._meter.begin_body()

    class Connection(HTTPConnection):
        response_class = Response

    class SecureConnection(HTTPSConnection):
        response_class = Response

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = pools

        def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
            manager = super().proxy_manager_for(*args, **kwargs)
            manager.pool_classes_by_scheme = pools
            return manager

    class Session(requests.Session):
        def get_redirect_target(self, resp: requests.Response) -> None:
            return None  # else the body of the redirect is read, however long it is

    pools = {"http": Pool, "https": SecurePool}
    session = Session()
    session.headers["User-Agent"] = "digitseq"
    for scheme in ("http://", "https://"):
        session.mount(scheme, Adapter())
    return session
