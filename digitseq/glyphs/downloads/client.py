"""HTTP requests whose answers are bounded in size and time, whatever a server sends.

The package `requests` waits up to its timeout for every single piece, and http.client reads status lines as long as
some come. Here every answer passes through a `MeteredStream`. Repeated requests (busy servers, connections that break
before the body begins) are left to urllib3's `Retry`. It knows nothing of bodies: these are resumed by `resuming`.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import Retry

from digitseq.errors import one_line
from digitseq.glyphs.downloads.download_limits import (
    DownloadLimits,
    InterruptedTransferError,
    MeteredStream,
    SlowServerError,
    TransferError,
)

MAX_REDIRECTS = 5
LINE_BYTES = 1 << 16  # of a line between two chunks
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)  # states of a server that another request may not meet
_MAX_RETRY_AFTER = 60.0  # seconds


class _LineReader(io.BufferedReader):
    """http.client reads a line between two chunks without a limit."""

    def readline(self, size: int | None = -1) -> bytes:
        return super().readline(LINE_BYTES if size is None or size < 0 else size)


class _Retry(Retry):
    def get_retry_after(self, response: Any) -> float | None:
        try:
            seconds = super().get_retry_after(response)
        except (exceptions.InvalidHeader, ValueError, OverflowError):
            return None
        return None if seconds is None else min(seconds, _MAX_RETRY_AFTER)


class Client:
    """Sends GET requests. Its answers keep to `limits`."""

    def __init__(self, limits: DownloadLimits) -> None:
        self.limits = limits
        self._max_body = 0  # of the next answer, in bytes
        # No retries of connections: without a network, or with a dead mirror, the user is told at once.
        retry = _Retry(
            total=limits.attempts - 1, connect=0, other=0, backoff_factor=limits.backoff,
            status_forcelist=_TRANSIENT, raise_on_status=False,
        )  # fmt: skip
        self._session = requests.Session()
        self._session.max_redirects = MAX_REDIRECTS
        self._session.headers["User-Agent"] = "digitseq"
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, self._adapter(retry))

    def get(self, url: str, headers: dict[str, str], max_bytes: int, also: tuple[int, ...] = ()) -> requests.Response:
        """The answer to a GET request; its body, of at most `max_bytes`, is not read yet.

        Raises `TransferError` unless the status is 200, 206 or one of `also`.
        """
        self._max_body = max_bytes
        timeout = self.limits.connect, self.limits.read
        try:
            answer = self._session.get(url, headers=headers, stream=True, timeout=timeout)
        except requests.TooManyRedirects:
            raise TransferError(f"it is redirected more than {MAX_REDIRECTS} times") from None
        except ValueError as error:  # requests, urllib3 and urllib.parse each have their own subclasses
            raise TransferError(f"it leads to an invalid address ({one_line(error)})") from None
        except (requests.RequestException, exceptions.HTTPError) as error:
            raise TransferError(_reason(error)) from None
        if answer.status_code not in (200, 206, *also):
            answer.close()
            raise TransferError(f"the server answers {answer.status_code} {one_line(answer.reason, 80)}")
        return answer

    def resuming(self, transfer: Callable[[], None]) -> None:
        """Call `transfer` until it is not interrupted any more, at most `limits.attempts` times."""
        for attempt in range(self.limits.attempts):
            try:
                transfer()
                break
            except InterruptedTransferError:
                if attempt + 1 == self.limits.attempts:
                    raise
                time.sleep(self.limits.backoff * 2**attempt)

    def _adapter(self, retry: Retry) -> HTTPAdapter:
        client = self

        class Response(HTTPResponse):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                self._stream = MeteredStream(self.fp.detach(), client.limits)
                self.fp = _LineReader(self._stream)

            def begin(self) -> None:
                super().begin()
                if self.status in (200, 206):
                    self._stream.begin_body(client._max_body)
                else:  # requests and urllib3 would read all of it, into memory, before the next request
                    self._stream.end()

        def bounded(connection: type[HTTPConnection], pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
            with_response = type("Connection", (connection,), {"response_class": Response})
            return type("Pool", (pool,), {"ConnectionCls": with_response})

        pools = {
            "http": bounded(HTTPConnection, HTTPConnectionPool),
            "https": bounded(HTTPSConnection, HTTPSConnectionPool),
        }

        class Adapter(HTTPAdapter):
            def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
                manager = super().proxy_manager_for(*args, **kwargs)
                manager.pool_classes_by_scheme = pools
                return manager

        adapter = Adapter(max_retries=retry)
        adapter.poolmanager.pool_classes_by_scheme = pools
        return adapter


@contextlib.contextmanager
def reading_body() -> Iterator[None]:
    """Turns errors that interrupt the body of an answer into `InterruptedTransferError`."""
    try:
        yield
    except exceptions.HTTPError as error:
        raise InterruptedTransferError(_reason(error)) from None


def _reason(error: BaseException) -> str:
    """What went wrong, by the errors that led to `error`: requests and urllib3 wrap them several times."""
    causes: list[BaseException] = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    for cause in causes:
        if isinstance(cause, SlowServerError):
            return str(cause)
    if any(isinstance(cause, exceptions.ReadTimeoutError) for cause in causes):
        return "the server sends nothing"
    if any(isinstance(cause, exceptions.ProtocolError) for cause in causes):
        return "the connection broke"
    return "no connection to the server"
